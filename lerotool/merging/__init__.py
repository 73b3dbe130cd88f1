"""Many datasets into one: the plan, and carrying it out."""
