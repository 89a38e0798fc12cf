"""Lays report rows out as the regulator's file, and reads them back."""
