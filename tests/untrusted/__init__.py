"""Datasets that were made to do harm, or damaged at random."""
