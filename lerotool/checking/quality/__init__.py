"""Is what was recorded worth training on: motion, pictures and clock, looked at episode by episode.

Nothing is rated. Each finding names episodes, a figure in units, and the edit that acts on it; a person decides.
"""

from lerotool.checking.quality.report import Accepted, QualityReport, look_at_quality

__all__ = ["Accepted", "QualityReport", "look_at_quality"]
