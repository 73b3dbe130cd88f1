"""The registry of codes: one for each thing that can be found, with its meaning, how bad it is and what mends it.

A code never changes its meaning. What LeRobot does with each has been tried with LeRobot 0.6.1 (v3.0) and 0.3.3 (v2.1),
`tests/checking` does it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Self


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """LeRobot does not load the dataset, or gives wrong, missing or no values for some frames."""
    WARNING = "warning"
    """It loads and gives what is stored; but training, editing or resuming goes wrong, or the recording is doubtful."""
    NOTE = "note"
    """Nothing is wrong; worth knowing."""
    HINT = "hint"
    """The dataset is in order; the recording is doubtful, and a person should look. Only where it is asked for."""


class Loading(StrEnum):
    """What the LeRobot that reads this format does with the dataset."""

    RIGHT = "right"
    """It loads, and every frame is the one that was recorded."""
    WRONG = "wrong"
    """It loads, but some frames raise an error, lack values, or are silently others."""
    REFUSED = "refused"
    """It does not load."""


class Page(StrEnum):
    """The page of the manual that lists a code: by what is looked at."""

    CHECKING = "checking.md#findings"
    """A dataset as it lies on disk."""
    QUALITY = "checking.md#quality"
    """What was recorded: the motion, the pictures and the clock."""
    STATISTICS = "statistics.md#verifying"
    """What a dataset states about its values, and the values."""
    SETUP = "setup.md#findings"
    """A bus and its motors."""


class Remedy(StrEnum):
    """Which command mends a finding; ``DATASET`` stands for the dataset."""

    REPAIR = "lerotool check DATASET --repair"
    STATS = "lerotool stats DATASET --write"
    ENCODE = "lerotool encode --pending DATASET"
    NONE = "by hand"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code stands for."""

    severity: Severity  # how bad it is
    loading: Loading  # what LeRobot does with a dataset that has it
    text: str  # what it means
    remedy: Remedy = Remedy.NONE  # which command mends it
    advice: str = ""  # what to do, where no command does it all
    page: Page = Page.CHECKING  # of the manual that lists it


_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
_REPAIR = Remedy.REPAIR
_LEAVE_OUT = "look at the episodes, and leave them out: lerotool merge DATASET:KEPT -o TARGET"
_DROP = (
    "restore it from a copy, or leave out the episodes whose pictures are lost: "
    "lerotool check DATASET --repair --drop-episodes"
)
_COPY = "restore the file from a copy of the dataset"


def _code(
    page: Page,
    loading: Loading,
    severity: Severity,
    code: str,
    text: str,
    remedy: Remedy = Remedy.NONE,
    advice: str = "",
) -> tuple[str, Meaning]:
    return code, Meaning(severity, loading, text, remedy, advice, page)


_refused = partial(_code, Page.CHECKING, Loading.REFUSED, _ERROR)
_wrong = partial(_code, Page.CHECKING, Loading.WRONG, _ERROR)
_unread = partial(_code, Page.CHECKING, Loading.RIGHT, _ERROR)
_warning = partial(_code, Page.CHECKING, Loading.RIGHT, _WARNING)
_note = partial(_code, Page.CHECKING, Loading.RIGHT, _NOTE)
_stats = partial(_code, Page.STATISTICS, Loading.RIGHT)
_bus = partial(_code, Page.SETUP, Loading.RIGHT)


def _hint(code: str, text: str, advice: str) -> tuple[str, Meaning]:
    return _code(Page.QUALITY, Loading.RIGHT, Severity.HINT, code, text, advice=advice)


class Code(StrEnum):
    """What is found."""

    meaning: Meaning

    def __new__(cls, value: str, *meaning: Meaning) -> Self:
        """Make a code that has a meaning."""
        code = str.__new__(cls, value)
        code._value_ = value
        (code.meaning,) = meaning
        return code

    UNFINISHED_COMMIT = _wrong(
        "unfinished-commit",
        "a change of the dataset was interrupted after it had been decided",
        _REPAIR,
        "any lerotool command that writes to the dataset finishes it too; readers see the state before it",
    )
    JOURNAL = _warning(
        "journal-unusable",
        "there is a list of an interrupted change, but it is damaged or not this dataset's; nothing carries it out",
        _REPAIR,
        "it is put aside; readers ignore it, and commands that write refuse the dataset until then",
    )
    LINK_OUTSIDE = _unread(
        "link-outside",
        "a symbolic link leads out of the dataset; lerotool does not follow it",
        advice="copy the file into the dataset, or allow its folder for reading with LEROTOOL_LINKED_FOLDERS",
    )
    INFO_MISSING = _refused("info-missing", "there are files of a dataset but no meta/info.json", advice=_COPY)
    INFO_UNREADABLE = _refused("info-unreadable", "meta/info.json is empty or not a JSON object", advice=_COPY)
    INFO_INVALID = _refused(
        "info-invalid", "meta/info.json lacks a key, or a value cannot be", advice="correct the file by hand"
    )
    VERSION = _refused(
        "version-unknown",
        "the format is not one that lerotool knows: v2.0, v2.1 or v3.x, in Parquet and video files",
        advice="convert the dataset with the LeRobot that wrote it",
    )
    PATH_TEMPLATE = _refused(
        "path-template",
        "data_path or video_path leads out of the dataset, or asks for more than numbers",
        advice="correct the template by hand",
    )
    TEMPLATE_WRONG = _refused(
        "template-wrong", "files are not where data_path or video_path in meta/info.json says", _REPAIR
    )
    INFO_BOM = _refused(
        "info-byte-order-mark",
        "meta/info.json begins with a byte order mark, as some editors on Windows write it: LeRobot cannot read it",
        _REPAIR,
    )
    INFO_KEYS = _warning(
        "info-keys", "meta/info.json lacks keys without which LeRobot 0.4 and 0.5 raise KeyError", _REPAIR
    )
    DEFAULT_FEATURES = _wrong(
        "default-features",
        "LeRobot's own features (timestamp, index, …) are not declared, or as something else",
        advice="make a dataset that declares them: lerotool merge DATASET -o TARGET",
    )
    TOTALS = _wrong("wrong-totals", "total_episodes or total_frames are not the numbers that there are", _REPAIR)
    COUNTS = _warning(
        "wrong-counts", "total_tasks, total_videos, total_chunks or splits are not what there is", _REPAIR
    )
    TASKS_MISSING = _refused("tasks-missing", "the file of tasks is missing", advice=_COPY)
    TASKS_UNREADABLE = _refused("tasks-unreadable", "the file of tasks cannot be read", advice=_COPY)
    TASKS_INDEX = _wrong(
        "tasks-index",
        "the task texts are not the pandas index: LeRobot gives numbers for texts, or raises KeyError",
        _REPAIR,
    )
    TASKS_ORDER = _wrong(
        "tasks-order",
        "the tasks are not numbered 0, 1, 2, … in order: LeRobot gives frames another task's text",
        _REPAIR,
    )
    TASK_UNKNOWN = _wrong("task-unknown", "rows have a task_index that no task has", advice=_COPY)
    TASK_LIST = _warning("task-list", "an episode's tasks in the table are not those of its rows", _REPAIR)
    EPISODES_MISSING = _refused("episodes-missing", "the episode table is missing", _REPAIR)
    EPISODES_UNREADABLE = _refused(
        "episodes-unreadable", "a file of the episode table is cut, damaged or was never closed", _REPAIR
    )
    EPISODES_COLUMNS = _refused(
        "episodes-columns",
        "the episode table lacks a column, or a later file has columns that the first has not",
        _REPAIR,
    )
    EPISODES_VALUES = _wrong("episodes-values", "values of the episode table are missing or cannot be", _REPAIR)
    EPISODES_ORDER = _wrong(
        "episodes-order",
        "episodes are missing, there twice, or not in order: LeRobot takes them by their place",
        _REPAIR,
    )
    EPISODES_STRAY = _refused(
        "episodes-stray",
        "a file beside those of the episode table is not part of it; LeRobot reads every .parquet there",
        _REPAIR,
    )
    EPISODE_RANGE = _wrong(
        "episode-range",
        "dataset_from_index and dataset_to_index are not the rows of the episode: windows of several "
        "frames (delta_timestamps) reach into others",
        _REPAIR,
    )
    EPISODE_LENGTH = _warning(
        "episode-length",
        "an episode's length in the table is not the number of its rows: editing tools go by it",
        _REPAIR,
    )
    EPISODE_EMPTY = _refused(
        "episode-empty",
        "an episode has no frames: LeRobot takes its rows for missing, and asks the Hub for them",
        advice="leave them out: lerotool merge DATASET:KEPT -o TARGET",
    )
    DATA_MISSING = _refused("data-missing", "a data file is missing", advice=_COPY)
    DATA_NO_FOOTER = _refused("data-no-footer", "a data file was never closed: the recording was killed", _REPAIR)
    DATA_DAMAGED = _refused("data-damaged", "a data file is damaged", advice=_COPY)
    DATA_STRAY = _wrong(
        "data-stray", "a parquet file in data/ is not part of the dataset; LeRobot reads every one there", _REPAIR
    )
    DATA_POINTER = _warning(
        "data-pointer",
        "the episode table names another data file than the one that has the rows: downloads of single "
        "episodes and editing tools take the wrong file",
        _REPAIR,
    )
    FILE_ORDER = _wrong(
        "file-order", "files sorted by path, as LeRobot reads them, are not in the order of their rows", _REPAIR
    )
    ROW_COUNT = _wrong("row-count", "an episode has another number of rows than the episode table says", _REPAIR)
    ROW_GROUPS = _note(
        "row-groups", "row groups begin in the middle of episodes: loading single episodes reads more than it must"
    )
    COLUMN_EXTRA = _refused(
        "column-extra", "a data file has a column that info.json does not declare", advice="declare or remove it"
    )
    COLUMN_MISSING = _wrong(
        "column-missing", "a feature has no column: LeRobot gives None for it in every frame", advice=_COPY
    )
    COLUMN_TYPE = _refused(
        "column-type",
        "a column cannot be what info.json declares: its type or the length of its lists",
        advice="correct meta/info.json, or write columns of the declared types: lerotool merge DATASET -o TARGET",
    )
    SCHEMA_METADATA = _refused(
        "schema-metadata",
        "LeRobot 0.3 cannot read the schema metadata of a v2.1 data file",
        advice="make a dataset that LeRobot 0.3 reads: lerotool merge DATASET -o TARGET",
    )
    MISSING_VALUES = _wrong("missing-values", "rows lack a value: LeRobot gives None or raises an error", advice=_COPY)
    NOT_FINITE = _warning("not-finite", "values are NaN or infinite: training on them gives NaN", advice=_LEAVE_OUT)
    WRONG_INDEX = _wrong(
        "wrong-index",
        "the column index does not count the rows 0, 1, 2, …: rows are missing, doubled or shuffled",
        _REPAIR,
    )
    WRONG_EPISODE = _wrong(
        "wrong-episode-index", "the column episode_index is not the episode that the rows belong to", _REPAIR
    )
    WRONG_FRAME = _wrong(
        "wrong-frame-index", "the column frame_index does not count an episode's rows 0, 1, 2, …", _REPAIR
    )
    TIMESTAMPS = _wrong(
        "wrong-timestamps",
        "timestamps are not frame_index / fps: LeRobot finds no picture, or another, for these frames",
        _REPAIR,
    )
    IMAGE_UNREADABLE = _wrong("image-unreadable", "a picture in the rows is missing or damaged", advice=_COPY)
    VIDEO_MISSING = _refused("video-missing", "a video file is missing", advice=_COPY)
    VIDEO_POINTER = _wrong("video-pointer", "the episode table does not tell where a camera's pictures are", _REPAIR)
    VIDEO_UNREADABLE = _wrong("video-unreadable", "a file is not a readable video", advice=_COPY)
    VIDEO_TRUNCATED = _wrong("video-truncated", "a video file ends too early", _REPAIR, _DROP)
    VIDEO_SHORT = _wrong("video-short", "a video has fewer pictures than the episode has rows", _REPAIR, _DROP)
    VIDEO_TIMES = _wrong(
        "video-times",
        "pictures are further from the times of their rows than LeRobot's tolerance of 0.1 ms",
        _REPAIR,
        "write videos on exact times: lerotool encode DATASET -o TARGET",
    )
    VIDEO_OVERLAP = _wrong("video-overlap", "two episodes share pictures of a video", _REPAIR)
    VIDEO_STOP = _warning(
        "video-stop", "to_timestamp is not where the episode ends: editing tools and resuming go by it", _REPAIR
    )
    VIDEO_INFO = _warning(
        "video-info",
        "info.json says something else about a camera than its video: merging and training go by it",
        _REPAIR,
    )
    VIDEO_KEYFRAMES = _note(
        "video-keyframes",
        "keyframes are far apart, or an episode does not begin with one: random access is slow",
        advice="encode the videos again: lerotool encode DATASET -o TARGET",
    )
    VIDEO_UNUSED = _note(
        "video-unused",
        "pictures or whole videos belong to no episode",
        advice="nothing reads them; they only take space",
    )
    CAMERA_NAMES = _warning(
        "camera-names", "a camera has no names of its three dimensions: LeRobot's training raises TypeError", _REPAIR
    )
    VIDEO_UNDECODABLE = _wrong("video-undecodable", "pictures of a video cannot be decoded", advice=_COPY)
    CAMERA_BLACK = _warning("camera-black", "a camera shows nothing but black", advice=_LEAVE_OUT)
    CAMERA_FROZEN = _warning(
        "camera-frozen", "a camera shows the same picture while the robot moves", advice=_LEAVE_OUT
    )
    EPISODE_IDLE = _warning("episode-idle", "the robot does not move in an episode", advice=_LEAVE_OUT)
    EPISODE_DOUBLED = _warning(
        "episode-doubled",
        "an episode has the same values as an earlier one, row by row",
        advice="leave the copies out: lerotool merge DATASET:KEPT -o TARGET",
    )
    STATS_MISSING = _warning(
        "stats-missing", "statistics are missing: training fails, or does not normalise", Remedy.STATS
    )
    STATS_UNREADABLE = _refused("stats-unreadable", "meta/stats.json cannot be read", _REPAIR)
    STATS_SHAPE = _warning(
        "stats-shape", "statistics have a shape that LeRobot does not take when it merges or resumes", Remedy.STATS
    )
    STATS_IMPOSSIBLE = _warning(
        "stats-impossible", "statistics are not finite, negative or out of order (min > mean …)", Remedy.STATS
    )
    STATS_STALE = _warning(
        "stats-stale",
        "statistics are not what the rows give; check compares the smallest and largest values",
        Remedy.STATS,
        "compare all of them: lerotool stats DATASET --verify",
    )
    STATS_QUANTILES = _note(
        "stats-quantiles",
        "quantiles are missing: policies that need them cannot be trained, and resuming a recording "
        "with LeRobot makes the dataset unloadable",
        Remedy.STATS,
    )
    PENDING = _note("pending", "recorded episodes wait to be encoded", Remedy.ENCODE)
    PENDING_BROKEN = _warning(
        "pending-broken",
        "a recorded episode was not saved, or is damaged",
        Remedy.ENCODE,
        "use what there is: lerotool encode --pending DATASET --salvage",
    )
    LEFTOVERS = _note("leftovers", "files that an interrupted program has left; nobody reads them", _REPAIR)
    PICTURES_LEFT = _note("pictures-left", "pictures in images/ that LeRobot has not encoded", Remedy.ENCODE)
    SIDECAR = _warning(
        "sidecar", "the measured times or reports in meta/lerotool do not go with the data", advice=_COPY
    )
    NOT_LOOKED_AT = _note("not-looked-at", "something could not be checked because of other findings")
    PARTIAL = _note("partial", "only a part of the dataset is on this machine; that part was looked at")

    IDLE_START = _hint(
        "idle-start", "an episode begins with seconds in which nothing moves: a policy learns to wait", "cut them off"
    )
    IDLE_END = _hint("idle-end", "an episode ends with seconds in which nothing moves", "cut them off")
    ODD_LENGTH = _hint(
        "odd-length",
        "an episode is far longer or shorter than others with the same task",
        "look at it: was it broken off?",
    )
    REPEATED = _hint(
        "episode-repeated", "most rows of an episode are rows of an earlier one: a copy, whole or cut", "leave it out"
    )
    STATE_FROZEN = _hint(
        "state-frozen", "no joint's state changes while commands go on: telemetry had stopped", "leave the episode out"
    )
    JOINT_DEAD = _hint(
        "joint-dead",
        "a joint stays where it is in an episode in which it is sent far",
        "look at its cable and its torque",
    )
    JOINT_SATURATED = _hint(
        "joint-saturated",
        "a joint stands at its end while commands go on beyond it",
        "calibrate leader and follower alike",
    )
    STATE_GLITCH = _hint(
        "state-glitch", "a joint is elsewhere for one row, and back in the next", "leave the episode out"
    )
    STATE_JUMP = _hint(
        "state-jump",
        "a joint is elsewhere from one row to the next, and slow before and after: rows are missing, or its angle "
        "went over its end",
        "leave the episode out",
    )
    FOLLOWER_LAG = _hint(
        "follower-lag",
        "the state comes long after the commands, or before them: what is in a row does not belong together",
        "look at the bus and the rate of the loop; record again",
    )
    FOLLOWER_OFFSET = _hint(
        "follower-offset",
        "a joint stands away from its commands, other than in most episodes: a horn has slipped, or an arm was "
        "calibrated in between",
        "calibrate, and leave out what was recorded before",
    )
    WRONG_RATE = _hint(
        "wrong-rate",
        "rows were measured at another rate than info.json claims: motion looks faster or slower than it was",
        "record at a rate that this machine keeps",
    )
    CAMERA_DARK = _hint(
        "camera-dark", "a camera shows next to nothing but dark pixels", "light, exposure, the lens cap"
    )
    CAMERA_BURNT = _hint("camera-burnt", "half of what a camera shows is burnt out", "less light, a shorter exposure")
    CAMERA_BLURRED = _hint(
        "camera-blurred",
        "a camera shows far less detail in an episode than in most others, or next to none in all: out of "
        "focus, or its lens is dirty",
        "focus, clean the lens",
    )

    STATS_COUNT = _stats(
        _ERROR,
        "stats-count",
        "a count is neither the frames, nor LeRobot's sample, nor (streaming encoder) all pixels",
        Remedy.STATS,
    )
    MIXED_QUANTILES = _stats(
        _WARNING,
        "mixed-quantiles",
        "the dataset's quantiles lie between those of the episodes, but by no known rule",
        Remedy.STATS,
    )
    STD_OVERFLOW = _stats(
        _ERROR, "picture-std-overflow", "LeRobot 0.4.0 to 0.5.1 squared pixels in 8 bits", Remedy.STATS
    )
    NOT_MEASURABLE = _stats(_ERROR, "not-measurable", "a camera's videos are missing or damaged", advice=_COPY)
    UNKNOWN_FEATURE = _stats(
        _WARNING,
        "unknown-feature",
        "there are statistics of a name that is not a feature",
        advice="a feature was removed or renamed, or info.json is incomplete",
    )
    CONSTANT = _stats(
        _WARNING,
        "constant-dimension",
        "a dimension never changes",
        advice="normalising divides by a spread of 0: leave the dimensions out, or see that the policy "
        "guards against it",
    )
    STILL = _stats(
        _WARNING,
        "still-in-episode",
        "a dimension stands still in some episodes, and moves in most",
        advice="look at these episodes: a joint may have been unplugged or locked",
    )
    OUTLIERS = _stats(
        _WARNING,
        "outliers",
        "values lie outside of q01..q99 by more than ten times its width",
        advice="normalising by min and max squeezes the rest: look at these episodes, or normalise by quantiles",
    )
    UNITS = _stats(
        _WARNING,
        "units-differ",
        "values of some episodes spread more than 20 times as far or as little, in most dimensions alike",
        advice="convert these episodes, or leave them out: one normalisation does not fit both",
    )

    BUS_NOTHING = _bus(_ERROR, "nothing", "no motor answers")
    BUS_CABLE = _bus(_ERROR, "cable", "the motors from one on do not answer: a cable")
    BUS_ABSENT = _bus(_ERROR, "absent", "a motor does not answer, and others behind it do")
    BUS_CROWDED = _bus(_ERROR, "crowded", "two motors answer to one id")
    BUS_BAUDRATE = _bus(_ERROR, "baudrate", "a motor talks at another speed")
    BUS_LOST = _bus(_ERROR, "lost", "a motor answered once and then no more")
    BUS_UNKNOWN_ID = _bus(_WARNING, "unknown-id", "a motor answers to an id that no joint has")
    BUS_REPLIES = _bus(_ERROR, "replies", "answers are missing or damaged; a warning where they are few")
    BUS_LATE = _bus(_WARNING, "late", "answers come too late")
    BUS_LATENCY = _bus(_WARNING, "latency", "the FTDI adapter holds answers back")
    BUS_FIRMWARE = _bus(_WARNING, "firmware", "the motors have different firmware")
    BUS_SAG = _bus(_WARNING, "sag", "the voltage falls along the cable")
    WRONG_SUPPLY = _bus(_ERROR, "wrong-supply", "a 7.4 V servo has a 12 V supply")
    VOLTAGE_HIGH = _bus(_ERROR, "voltage-high", "the voltage is above a motor's limit")
    VOLTAGE_LOW = _bus(_ERROR, "voltage-low", "the voltage is below a motor's limit")
    VOLTAGE_ERROR = _bus(_ERROR, "voltage-error", "a motor reports a voltage error")
    OVERHEATED = _bus(_ERROR, "overheated", "a motor is at its limit of temperature")
    HOT = _bus(_WARNING, "hot", "a motor is hot")
    OVERLOAD = _bus(_ERROR, "overload", "a motor was blocked and has cut its force")
    OVERCURRENT = _bus(_ERROR, "overcurrent", "a motor draws too much current")
    SENSOR = _bus(_ERROR, "sensor", "a motor reports an error of its angle sensor")
    MODEL = _bus(_ERROR, "model", "a motor is not of the model that the arm needs")
    MODE = _bus(_WARNING, "mode", "a motor is not in position mode")
    MULTI_TURN = _bus(_WARNING, "multi-turn", "a motor counts several turns")
    NO_LIMITS = _bus(_WARNING, "no-limits", "a motor has no position limits")
    UNCALIBRATED = _bus(_WARNING, "uncalibrated", "the arm is not calibrated")
    CALIBRATION_DIFFERS = _bus(
        _WARNING, "calibration-differs", "a motor's registers are not those of its calibration file"
    )
