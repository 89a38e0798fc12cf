"""What the engines share: SQL carried over, rules judged, and what is said of a load."""
