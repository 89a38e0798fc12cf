"""What the engines share: SQL carried over, digests, rules judged, what is said of a load."""
