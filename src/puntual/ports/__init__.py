"""What puntual asks of the world, as small protocols that state their promises and errors."""
