"""Carries plans out: pieces of episodes of datasets become a new dataset, or change one where it stands."""
