"""Entry points of Glue jobs: each does the steps of one state of the machine."""
