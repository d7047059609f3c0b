"""Names of classes: the 80 of COCO in the order every COCO-80 model uses, the 91 numbers of the full data set, old spellings.

One spelling for all models, so that a rule for "motorcycle" survives a change of model. The source is the COCO data set's own
category list (Lin et al., 2014); Darknet's `coco.names` differs from it in six names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from redshank.errors import ModelError

# fmt: off
COCO: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant",
    "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe",
    "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat",
    "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl",
    "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave",
    "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
_COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)  # numbers of the 91 that never got boxes; 0 is background
_OLD = {"motorbike": "motorcycle", "aeroplane": "airplane", "sofa": "couch", "pottedplant": "potted plant",
        "diningtable": "dining table", "tvmonitor": "tv"}
# fmt: on


def coco91() -> tuple[str, ...]:
    """Names by COCO category number 0–90; numbers without a class are empty strings, and such detections are dropped."""
    names = iter(COCO)
    return tuple("" if number == 0 or number in _COCO_GAPS else next(names) for number in range(91))


def canonical(label: str) -> str:
    """The one spelling: lower case, single spaces, COCO's present name for Darknet's six old ones."""
    plain = " ".join(label.lower().split())
    return _OLD.get(plain, plain)


def check_labels(wanted: Iterable[str], known: Sequence[str], model: str) -> tuple[str, ...]:
    """The wanted labels in their one spelling. Raises ModelError naming the first that the model does not know."""
    checked = tuple(canonical(label) for label in wanted)
    for label in checked:
        if label not in known:
            near = difflib.get_close_matches(label, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`redshank models list --json` shows its labels"
            raise ModelError(f"unknown label {label!r}: model {model} does not know it; {hint}")
    return checked
