"""Our corrections of ministack; they run in the stage's own interpreter, not in the project's."""
