"""Recording sessions: phases, ticks, keys. Writes pending episodes, never videos."""
