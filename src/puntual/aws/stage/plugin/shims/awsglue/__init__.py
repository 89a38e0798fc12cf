"""A stand-in for the library that Glue gives its scripts: the part that ours use."""
