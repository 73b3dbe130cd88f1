"""The registry of codes: one for each thing that can be found, with its meaning, how bad it is and what mends it.

A code never changes its meaning. What LeRobot does with each has been tried with LeRobot 0.6.1 (v3.0) and 0.3.3 (v2.1),
`tests/checking` does it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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


class Code(StrEnum):
    """What is found."""

    UNFINISHED_COMMIT = "unfinished-commit"
    JOURNAL = "journal-unusable"
    LINK_OUTSIDE = "link-outside"
    INFO_MISSING = "info-missing"
    INFO_UNREADABLE = "info-unreadable"
    INFO_INVALID = "info-invalid"
    VERSION = "version-unknown"
    PATH_TEMPLATE = "path-template"
    TEMPLATE_WRONG = "template-wrong"
    INFO_BOM = "info-byte-order-mark"
    INFO_KEYS = "info-keys"
    DEFAULT_FEATURES = "default-features"
    TOTALS = "wrong-totals"
    COUNTS = "wrong-counts"
    TASKS_MISSING = "tasks-missing"
    TASKS_UNREADABLE = "tasks-unreadable"
    TASKS_INDEX = "tasks-index"
    TASKS_ORDER = "tasks-order"
    TASK_UNKNOWN = "task-unknown"
    TASK_LIST = "task-list"
    EPISODES_MISSING = "episodes-missing"
    EPISODES_UNREADABLE = "episodes-unreadable"
    EPISODES_COLUMNS = "episodes-columns"
    EPISODES_VALUES = "episodes-values"
    EPISODES_ORDER = "episodes-order"
    EPISODES_STRAY = "episodes-stray"
    EPISODE_RANGE = "episode-range"
    EPISODE_LENGTH = "episode-length"
    EPISODE_EMPTY = "episode-empty"
    DATA_MISSING = "data-missing"
    DATA_NO_FOOTER = "data-no-footer"
    DATA_DAMAGED = "data-damaged"
    DATA_STRAY = "data-stray"
    DATA_POINTER = "data-pointer"
    FILE_ORDER = "file-order"
    ROW_COUNT = "row-count"
    ROW_GROUPS = "row-groups"
    COLUMN_EXTRA = "column-extra"
    COLUMN_MISSING = "column-missing"
    COLUMN_TYPE = "column-type"
    SCHEMA_METADATA = "schema-metadata"
    MISSING_VALUES = "missing-values"
    NOT_FINITE = "not-finite"
    WRONG_INDEX = "wrong-index"
    WRONG_EPISODE = "wrong-episode-index"
    WRONG_FRAME = "wrong-frame-index"
    TIMESTAMPS = "wrong-timestamps"
    IMAGE_UNREADABLE = "image-unreadable"
    VIDEO_MISSING = "video-missing"
    VIDEO_POINTER = "video-pointer"
    VIDEO_UNREADABLE = "video-unreadable"
    VIDEO_TRUNCATED = "video-truncated"
    VIDEO_SHORT = "video-short"
    VIDEO_TIMES = "video-times"
    VIDEO_OVERLAP = "video-overlap"
    VIDEO_STOP = "video-stop"
    VIDEO_INFO = "video-info"
    VIDEO_KEYFRAMES = "video-keyframes"
    VIDEO_UNUSED = "video-unused"
    CAMERA_NAMES = "camera-names"
    VIDEO_UNDECODABLE = "video-undecodable"
    CAMERA_BLACK = "camera-black"
    CAMERA_FROZEN = "camera-frozen"
    EPISODE_IDLE = "episode-idle"
    EPISODE_DOUBLED = "episode-doubled"
    STATS_MISSING = "stats-missing"
    STATS_UNREADABLE = "stats-unreadable"
    STATS_SHAPE = "stats-shape"
    STATS_IMPOSSIBLE = "stats-impossible"
    STATS_STALE = "stats-stale"
    STATS_QUANTILES = "stats-quantiles"
    PENDING = "pending"
    PENDING_BROKEN = "pending-broken"
    LEFTOVERS = "leftovers"
    PICTURES_LEFT = "pictures-left"
    SIDECAR = "sidecar"
    NOT_LOOKED_AT = "not-looked-at"
    PARTIAL = "partial"

    IDLE_START = "idle-start"
    IDLE_END = "idle-end"
    ODD_LENGTH = "odd-length"
    REPEATED = "episode-repeated"
    STATE_FROZEN = "state-frozen"
    JOINT_DEAD = "joint-dead"
    JOINT_SATURATED = "joint-saturated"
    STATE_GLITCH = "state-glitch"
    STATE_JUMP = "state-jump"
    FOLLOWER_LAG = "follower-lag"
    FOLLOWER_OFFSET = "follower-offset"
    WRONG_RATE = "wrong-rate"
    CAMERA_DARK = "camera-dark"
    CAMERA_BURNT = "camera-burnt"
    CAMERA_BLURRED = "camera-blurred"

    STATS_COUNT = "stats-count"
    MIXED_QUANTILES = "mixed-quantiles"
    STD_OVERFLOW = "picture-std-overflow"
    NOT_MEASURABLE = "not-measurable"
    UNKNOWN_FEATURE = "unknown-feature"
    CONSTANT = "constant-dimension"
    STILL = "still-in-episode"
    OUTLIERS = "outliers"
    UNITS = "units-differ"

    BUS_NOTHING = "nothing"
    BUS_CABLE = "cable"
    BUS_ABSENT = "absent"
    BUS_CROWDED = "crowded"
    BUS_BAUDRATE = "baudrate"
    BUS_LOST = "lost"
    BUS_UNKNOWN_ID = "unknown-id"
    BUS_REPLIES = "replies"
    BUS_LATE = "late"
    BUS_LATENCY = "latency"
    BUS_FIRMWARE = "firmware"
    BUS_SAG = "sag"
    WRONG_SUPPLY = "wrong-supply"
    VOLTAGE_HIGH = "voltage-high"
    VOLTAGE_LOW = "voltage-low"
    VOLTAGE_ERROR = "voltage-error"
    OVERHEATED = "overheated"
    HOT = "hot"
    OVERLOAD = "overload"
    OVERCURRENT = "overcurrent"
    SENSOR = "sensor"
    MODEL = "model"
    MODE = "mode"
    MULTI_TURN = "multi-turn"
    NO_LIMITS = "no-limits"
    UNCALIBRATED = "uncalibrated"
    CALIBRATION_DIFFERS = "calibration-differs"


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_REFUSED, _WRONG, _RIGHT = Loading.REFUSED, Loading.WRONG, Loading.RIGHT
_LEAVE_OUT = "look at the episodes, and leave them out: lerotool merge DATASET:KEPT -o TARGET"
_DROP = (
    "restore it from a copy, or leave out the episodes whose pictures are lost: "
    "lerotool check DATASET --repair --drop-episodes"
)
_COPY = "restore the file from a copy of the dataset"


def _hint(text: str, advice: str) -> Meaning:
    return Meaning(Severity.HINT, _RIGHT, text, advice=advice, page=Page.QUALITY)


def _stats(severity: Severity, text: str, advice: str = "", remedy: Remedy = Remedy.NONE) -> Meaning:
    return Meaning(severity, _RIGHT, text, remedy, advice, Page.STATISTICS)


def _bus(severity: Severity, text: str) -> Meaning:
    return Meaning(severity, _RIGHT, text, page=Page.SETUP)


MEANINGS: Mapping[Code, Meaning] = MappingProxyType(
    {
        Code.UNFINISHED_COMMIT: Meaning(
            _E,
            _WRONG,
            "a change of the dataset was interrupted after it had been decided",
            Remedy.REPAIR,
            "any lerotool command that writes to the dataset finishes it too; readers see the state before it",
        ),
        Code.JOURNAL: Meaning(
            _W,
            _RIGHT,
            "there is a list of an interrupted change, but it is damaged or not this dataset's; nothing carries it out",
            Remedy.REPAIR,
            "it is put aside; readers ignore it, and commands that write refuse the dataset until then",
        ),
        Code.LINK_OUTSIDE: Meaning(
            _E,
            _RIGHT,
            "a symbolic link leads out of the dataset; lerotool does not follow it",
            Remedy.NONE,
            "copy the file into the dataset, or allow its folder for reading with LEROTOOL_LINKED_FOLDERS",
        ),
        Code.INFO_MISSING: Meaning(_E, _REFUSED, "there are files of a dataset but no meta/info.json", advice=_COPY),
        Code.INFO_UNREADABLE: Meaning(_E, _REFUSED, "meta/info.json is empty or not a JSON object", advice=_COPY),
        Code.INFO_INVALID: Meaning(
            _E, _REFUSED, "meta/info.json lacks a key, or a value cannot be", advice="correct the file by hand"
        ),
        Code.VERSION: Meaning(
            _E,
            _REFUSED,
            "the format is not one that lerotool knows: v2.0, v2.1 or v3.x, in Parquet and video files",
            advice="convert the dataset with the LeRobot that wrote it",
        ),
        Code.PATH_TEMPLATE: Meaning(
            _E,
            _REFUSED,
            "data_path or video_path leads out of the dataset, or asks for more than numbers",
            advice="correct the template by hand",
        ),
        Code.TEMPLATE_WRONG: Meaning(
            _E, _REFUSED, "files are not where data_path or video_path in meta/info.json says", Remedy.REPAIR
        ),
        Code.INFO_BOM: Meaning(
            _E,
            _REFUSED,
            "meta/info.json begins with a byte order mark, as some editors on Windows write it: LeRobot cannot read it",
            Remedy.REPAIR,
        ),
        Code.INFO_KEYS: Meaning(
            _W, _RIGHT, "meta/info.json lacks keys without which LeRobot 0.4 and 0.5 raise KeyError", Remedy.REPAIR
        ),
        Code.DEFAULT_FEATURES: Meaning(
            _E,
            _WRONG,
            "LeRobot's own features (timestamp, index, …) are not declared, or as something else",
            advice="make a dataset that declares them: lerotool merge DATASET -o TARGET",
        ),
        Code.TOTALS: Meaning(
            _E, _WRONG, "total_episodes or total_frames are not the numbers that there are", Remedy.REPAIR
        ),
        Code.COUNTS: Meaning(
            _W, _RIGHT, "total_tasks, total_videos, total_chunks or splits are not what there is", Remedy.REPAIR
        ),
        Code.TASKS_MISSING: Meaning(_E, _REFUSED, "the file of tasks is missing", advice=_COPY),
        Code.TASKS_UNREADABLE: Meaning(_E, _REFUSED, "the file of tasks cannot be read", advice=_COPY),
        Code.TASKS_INDEX: Meaning(
            _E,
            _WRONG,
            "the task texts are not the pandas index: LeRobot gives numbers for texts, or raises KeyError",
            Remedy.REPAIR,
        ),
        Code.TASKS_ORDER: Meaning(
            _E,
            _WRONG,
            "the tasks are not numbered 0, 1, 2, … in order: LeRobot gives frames another task's text",
            Remedy.REPAIR,
        ),
        Code.TASK_UNKNOWN: Meaning(_E, _WRONG, "rows have a task_index that no task has", advice=_COPY),
        Code.TASK_LIST: Meaning(_W, _RIGHT, "an episode's tasks in the table are not those of its rows", Remedy.REPAIR),
        Code.EPISODES_MISSING: Meaning(_E, _REFUSED, "the episode table is missing", Remedy.REPAIR),
        Code.EPISODES_UNREADABLE: Meaning(
            _E, _REFUSED, "a file of the episode table is cut, damaged or was never closed", Remedy.REPAIR
        ),
        Code.EPISODES_COLUMNS: Meaning(
            _E,
            _REFUSED,
            "the episode table lacks a column, or a later file has columns that the first has not",
            Remedy.REPAIR,
        ),
        Code.EPISODES_VALUES: Meaning(
            _E, _WRONG, "values of the episode table are missing or cannot be", Remedy.REPAIR
        ),
        Code.EPISODES_ORDER: Meaning(
            _E,
            _WRONG,
            "episodes are missing, there twice, or not in order: LeRobot takes them by their place",
            Remedy.REPAIR,
        ),
        Code.EPISODES_STRAY: Meaning(
            _E,
            _REFUSED,
            "a file beside those of the episode table is not part of it; LeRobot reads every .parquet there",
            Remedy.REPAIR,
        ),
        Code.EPISODE_RANGE: Meaning(
            _E,
            _WRONG,
            "dataset_from_index and dataset_to_index are not the rows of the episode: windows of several "
            "frames (delta_timestamps) reach into others",
            Remedy.REPAIR,
        ),
        Code.EPISODE_LENGTH: Meaning(
            _W,
            _RIGHT,
            "an episode's length in the table is not the number of its rows: editing tools go by it",
            Remedy.REPAIR,
        ),
        Code.EPISODE_EMPTY: Meaning(
            _E,
            _REFUSED,
            "an episode has no frames: LeRobot takes its rows for missing, and asks the Hub for them",
            advice="leave them out: lerotool merge DATASET:KEPT -o TARGET",
        ),
        Code.DATA_MISSING: Meaning(_E, _REFUSED, "a data file is missing", advice=_COPY),
        Code.DATA_NO_FOOTER: Meaning(
            _E, _REFUSED, "a data file was never closed: the recording was killed", Remedy.REPAIR
        ),
        Code.DATA_DAMAGED: Meaning(_E, _REFUSED, "a data file is damaged", advice=_COPY),
        Code.DATA_STRAY: Meaning(
            _E,
            _WRONG,
            "a parquet file in data/ is not part of the dataset; LeRobot reads every one there",
            Remedy.REPAIR,
        ),
        Code.DATA_POINTER: Meaning(
            _W,
            _RIGHT,
            "the episode table names another data file than the one that has the rows: downloads of single "
            "episodes and editing tools take the wrong file",
            Remedy.REPAIR,
        ),
        Code.FILE_ORDER: Meaning(
            _E, _WRONG, "files sorted by path, as LeRobot reads them, are not in the order of their rows", Remedy.REPAIR
        ),
        Code.ROW_COUNT: Meaning(
            _E, _WRONG, "an episode has another number of rows than the episode table says", Remedy.REPAIR
        ),
        Code.ROW_GROUPS: Meaning(
            _N, _RIGHT, "row groups begin in the middle of episodes: loading single episodes reads more than it must"
        ),
        Code.COLUMN_EXTRA: Meaning(
            _E, _REFUSED, "a data file has a column that info.json does not declare", advice="declare or remove it"
        ),
        Code.COLUMN_MISSING: Meaning(
            _E, _WRONG, "a feature has no column: LeRobot gives None for it in every frame", advice=_COPY
        ),
        Code.COLUMN_TYPE: Meaning(
            _E,
            _REFUSED,
            "a column cannot be what info.json declares: its type or the length of its lists",
            advice="correct meta/info.json, or write columns of the declared types: lerotool merge DATASET -o TARGET",
        ),
        Code.SCHEMA_METADATA: Meaning(
            _E,
            _REFUSED,
            "LeRobot 0.3 cannot read the schema metadata of a v2.1 data file",
            advice="make a dataset that LeRobot 0.3 reads: lerotool merge DATASET -o TARGET",
        ),
        Code.MISSING_VALUES: Meaning(
            _E, _WRONG, "rows lack a value: LeRobot gives None or raises an error", advice=_COPY
        ),
        Code.NOT_FINITE: Meaning(
            _W, _RIGHT, "values are NaN or infinite: training on them gives NaN", advice=_LEAVE_OUT
        ),
        Code.WRONG_INDEX: Meaning(
            _E,
            _WRONG,
            "the column index does not count the rows 0, 1, 2, …: rows are missing, doubled or shuffled",
            Remedy.REPAIR,
        ),
        Code.WRONG_EPISODE: Meaning(
            _E, _WRONG, "the column episode_index is not the episode that the rows belong to", Remedy.REPAIR
        ),
        Code.WRONG_FRAME: Meaning(
            _E, _WRONG, "the column frame_index does not count an episode's rows 0, 1, 2, …", Remedy.REPAIR
        ),
        Code.TIMESTAMPS: Meaning(
            _E,
            _WRONG,
            "timestamps are not frame_index / fps: LeRobot finds no picture, or another, for these frames",
            Remedy.REPAIR,
        ),
        Code.IMAGE_UNREADABLE: Meaning(_E, _WRONG, "a picture in the rows is missing or damaged", advice=_COPY),
        Code.VIDEO_MISSING: Meaning(_E, _REFUSED, "a video file is missing", advice=_COPY),
        Code.VIDEO_POINTER: Meaning(
            _E, _WRONG, "the episode table does not tell where a camera's pictures are", Remedy.REPAIR
        ),
        Code.VIDEO_UNREADABLE: Meaning(_E, _WRONG, "a file is not a readable video", advice=_COPY),
        Code.VIDEO_TRUNCATED: Meaning(
            _E,
            _WRONG,
            "a video file ends too early",
            Remedy.REPAIR,
            _DROP,
        ),
        Code.VIDEO_SHORT: Meaning(
            _E,
            _WRONG,
            "a video has fewer pictures than the episode has rows",
            Remedy.REPAIR,
            _DROP,
        ),
        Code.VIDEO_TIMES: Meaning(
            _E,
            _WRONG,
            "pictures are further from the times of their rows than LeRobot's tolerance of 0.1 ms",
            Remedy.REPAIR,
            "write videos on exact times: lerotool encode DATASET -o TARGET",
        ),
        Code.VIDEO_OVERLAP: Meaning(_E, _WRONG, "two episodes share pictures of a video", Remedy.REPAIR),
        Code.VIDEO_STOP: Meaning(
            _W, _RIGHT, "to_timestamp is not where the episode ends: editing tools and resuming go by it", Remedy.REPAIR
        ),
        Code.VIDEO_INFO: Meaning(
            _W,
            _RIGHT,
            "info.json says something else about a camera than its video: merging and training go by it",
            Remedy.REPAIR,
        ),
        Code.VIDEO_KEYFRAMES: Meaning(
            _N,
            _RIGHT,
            "keyframes are far apart, or an episode does not begin with one: random access is slow",
            advice="encode the videos again: lerotool encode DATASET -o TARGET",
        ),
        Code.VIDEO_UNUSED: Meaning(
            _N,
            _RIGHT,
            "pictures or whole videos belong to no episode",
            advice="nothing reads them; they only take space",
        ),
        Code.CAMERA_NAMES: Meaning(
            _W,
            _RIGHT,
            "a camera has no names of its three dimensions: LeRobot's training raises TypeError",
            Remedy.REPAIR,
        ),
        Code.VIDEO_UNDECODABLE: Meaning(_E, _WRONG, "pictures of a video cannot be decoded", advice=_COPY),
        Code.CAMERA_BLACK: Meaning(
            _W,
            _RIGHT,
            "a camera shows nothing but black",
            advice=_LEAVE_OUT,
        ),
        Code.CAMERA_FROZEN: Meaning(
            _W,
            _RIGHT,
            "a camera shows the same picture while the robot moves",
            advice=_LEAVE_OUT,
        ),
        Code.EPISODE_IDLE: Meaning(
            _W,
            _RIGHT,
            "the robot does not move in an episode",
            advice=_LEAVE_OUT,
        ),
        Code.EPISODE_DOUBLED: Meaning(
            _W,
            _RIGHT,
            "an episode has the same values as an earlier one, row by row",
            advice="leave the copies out: lerotool merge DATASET:KEPT -o TARGET",
        ),
        Code.STATS_MISSING: Meaning(
            _W, _RIGHT, "statistics are missing: training fails, or does not normalise", Remedy.STATS
        ),
        Code.STATS_UNREADABLE: Meaning(_E, _REFUSED, "meta/stats.json cannot be read", Remedy.REPAIR),
        Code.STATS_SHAPE: Meaning(
            _W, _RIGHT, "statistics have a shape that LeRobot does not take when it merges or resumes", Remedy.STATS
        ),
        Code.STATS_IMPOSSIBLE: Meaning(
            _W, _RIGHT, "statistics are not finite, negative or out of order (min > mean …)", Remedy.STATS
        ),
        Code.STATS_STALE: Meaning(
            _W,
            _RIGHT,
            "statistics are not what the rows give; check compares the smallest and largest values",
            Remedy.STATS,
            "compare all of them: lerotool stats DATASET --verify",
        ),
        Code.STATS_QUANTILES: Meaning(
            _N,
            _RIGHT,
            "quantiles are missing: policies that need them cannot be trained, and resuming a recording "
            "with LeRobot makes the dataset unloadable",
            Remedy.STATS,
        ),
        Code.PENDING: Meaning(_N, _RIGHT, "recorded episodes wait to be encoded", Remedy.ENCODE),
        Code.PENDING_BROKEN: Meaning(
            _W,
            _RIGHT,
            "a recorded episode was not saved, or is damaged",
            Remedy.ENCODE,
            "use what there is: lerotool encode --pending DATASET --salvage",
        ),
        Code.LEFTOVERS: Meaning(
            _N, _RIGHT, "files that an interrupted program has left; nobody reads them", Remedy.REPAIR
        ),
        Code.PICTURES_LEFT: Meaning(_N, _RIGHT, "pictures in images/ that LeRobot has not encoded", Remedy.ENCODE),
        Code.SIDECAR: Meaning(
            _W, _RIGHT, "the measured times or reports in meta/lerotool do not go with the data", advice=_COPY
        ),
        Code.NOT_LOOKED_AT: Meaning(_N, _RIGHT, "something could not be checked because of other findings"),
        Code.PARTIAL: Meaning(_N, _RIGHT, "only a part of the dataset is on this machine; that part was looked at"),
        Code.IDLE_START: _hint(
            "an episode begins with seconds in which nothing moves: a policy learns to wait", "cut them off"
        ),
        Code.IDLE_END: _hint("an episode ends with seconds in which nothing moves", "cut them off"),
        Code.ODD_LENGTH: _hint(
            "an episode is far longer or shorter than others with the same task", "look at it: was it broken off?"
        ),
        Code.REPEATED: _hint(
            "most rows of an episode are rows of an earlier one: a copy, whole or cut", "leave it out"
        ),
        Code.STATE_FROZEN: _hint(
            "no joint's state changes while commands go on: telemetry had stopped", "leave the episode out"
        ),
        Code.JOINT_DEAD: _hint(
            "a joint stays where it is in an episode in which it is sent far", "look at its cable and its torque"
        ),
        Code.JOINT_SATURATED: _hint(
            "a joint stands at its end while commands go on beyond it", "calibrate leader and follower alike"
        ),
        Code.STATE_GLITCH: _hint("a joint is elsewhere for one row, and back in the next", "leave the episode out"),
        Code.STATE_JUMP: _hint(
            "a joint is elsewhere from one row to the next, and slow before and after: rows are missing, or its angle "
            "went over its end",
            "leave the episode out",
        ),
        Code.FOLLOWER_LAG: _hint(
            "the state comes long after the commands, or before them: what is in a row does not belong together",
            "look at the bus and the rate of the loop; record again",
        ),
        Code.FOLLOWER_OFFSET: _hint(
            "a joint stands away from its commands, other than in most episodes: a horn has slipped, or an arm was "
            "calibrated in between",
            "calibrate, and leave out what was recorded before",
        ),
        Code.WRONG_RATE: _hint(
            "rows were measured at another rate than info.json claims: motion looks faster or slower than it was",
            "record at a rate that this machine keeps",
        ),
        Code.CAMERA_DARK: _hint("a camera shows next to nothing but dark pixels", "light, exposure, the lens cap"),
        Code.CAMERA_BURNT: _hint("half of what a camera shows is burnt out", "less light, a shorter exposure"),
        Code.CAMERA_BLURRED: _hint(
            "a camera shows far less detail in an episode than in most others, or next to none in all: out of "
            "focus, or its lens is dirty",
            "focus, clean the lens",
        ),
        Code.STATS_COUNT: _stats(
            _E,
            "a count is neither the frames, nor LeRobot's sample, nor (streaming encoder) all pixels",
            remedy=Remedy.STATS,
        ),
        Code.MIXED_QUANTILES: _stats(
            _W, "the dataset's quantiles lie between those of the episodes, but by no known rule", remedy=Remedy.STATS
        ),
        Code.STD_OVERFLOW: _stats(_E, "LeRobot 0.4.0 to 0.5.1 squared pixels in 8 bits", remedy=Remedy.STATS),
        Code.NOT_MEASURABLE: _stats(_E, "a camera's videos are missing or damaged", _COPY),
        Code.UNKNOWN_FEATURE: _stats(
            _W,
            "there are statistics of a name that is not a feature",
            "a feature was removed or renamed, or info.json is incomplete",
        ),
        Code.CONSTANT: _stats(
            _W,
            "a dimension never changes",
            "normalising divides by a spread of 0: leave the dimensions out, or see that the policy guards against it",
        ),
        Code.STILL: _stats(
            _W,
            "a dimension stands still in some episodes, and moves in most",
            "look at these episodes: a joint may have been unplugged or locked",
        ),
        Code.OUTLIERS: _stats(
            _W,
            "values lie outside of q01..q99 by more than ten times its width",
            "normalising by min and max squeezes the rest: look at these episodes, or normalise by quantiles",
        ),
        Code.UNITS: _stats(
            _W,
            "values of some episodes spread more than 20 times as far or as little, in most dimensions alike",
            "convert these episodes, or leave them out: one normalisation does not fit both",
        ),
        Code.BUS_NOTHING: _bus(_E, "no motor answers"),
        Code.BUS_CABLE: _bus(_E, "the motors from one on do not answer: a cable"),
        Code.BUS_ABSENT: _bus(_E, "a motor does not answer, and others behind it do"),
        Code.BUS_CROWDED: _bus(_E, "two motors answer to one id"),
        Code.BUS_BAUDRATE: _bus(_E, "a motor talks at another speed"),
        Code.BUS_LOST: _bus(_E, "a motor answered once and then no more"),
        Code.BUS_UNKNOWN_ID: _bus(_W, "a motor answers to an id that no joint has"),
        Code.BUS_REPLIES: _bus(_E, "answers are missing or damaged; a warning where they are few"),
        Code.BUS_LATE: _bus(_W, "answers come too late"),
        Code.BUS_LATENCY: _bus(_W, "the FTDI adapter holds answers back"),
        Code.BUS_FIRMWARE: _bus(_W, "the motors have different firmware"),
        Code.BUS_SAG: _bus(_W, "the voltage falls along the cable"),
        Code.WRONG_SUPPLY: _bus(_E, "a 7.4 V servo has a 12 V supply"),
        Code.VOLTAGE_HIGH: _bus(_E, "the voltage is above a motor's limit"),
        Code.VOLTAGE_LOW: _bus(_E, "the voltage is below a motor's limit"),
        Code.VOLTAGE_ERROR: _bus(_E, "a motor reports a voltage error"),
        Code.OVERHEATED: _bus(_E, "a motor is at its limit of temperature"),
        Code.HOT: _bus(_W, "a motor is hot"),
        Code.OVERLOAD: _bus(_E, "a motor was blocked and has cut its force"),
        Code.OVERCURRENT: _bus(_E, "a motor draws too much current"),
        Code.SENSOR: _bus(_E, "a motor reports an error of its angle sensor"),
        Code.MODEL: _bus(_E, "a motor is not of the model that the arm needs"),
        Code.MODE: _bus(_W, "a motor is not in position mode"),
        Code.MULTI_TURN: _bus(_W, "a motor counts several turns"),
        Code.NO_LIMITS: _bus(_W, "a motor has no position limits"),
        Code.UNCALIBRATED: _bus(_W, "the arm is not calibrated"),
        Code.CALIBRATION_DIFFERS: _bus(_W, "a motor's registers are not those of its calibration file"),
    }
)
