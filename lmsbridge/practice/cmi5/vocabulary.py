"""The IRIs and words that cmi5 defines (sections 9.3, 9.5.5, 9.6, 10, 11 and 13.1.4)."""

from __future__ import annotations

_ADL = "http://adlnet.gov/expapi/verbs/"
_W3ID = "https://w3id.org/xapi/adl/verbs/"
_CMI5 = "https://w3id.org/xapi/cmi5/"

UNIT_VERBS = {name: _ADL + name for name in ("initialized", "completed", "passed", "failed", "terminated")}
LMS_VERBS = {"launched": _ADL + "launched"} | {name: _W3ID + name for name in ("abandoned", "waived", "satisfied")}
VERBS = UNIT_VERBS | LMS_VERBS
NAMES = {iri: name for name, iri in VERBS.items()}

CMI5_CATEGORY = f"{_CMI5}context/categories/cmi5"
MOVEON_CATEGORY = f"{_CMI5}context/categories/moveon"

SESSION_ID = f"{_CMI5}context/extensions/sessionid"
MASTERY_SCORE = f"{_CMI5}context/extensions/masteryscore"
LAUNCH_MODE = f"{_CMI5}context/extensions/launchmode"
LAUNCH_URL = f"{_CMI5}context/extensions/launchurl"
MOVE_ON = f"{_CMI5}context/extensions/moveon"
LAUNCH_PARAMETERS = f"{_CMI5}context/extensions/launchparameters"
PROGRESS = f"{_CMI5}result/extensions/progress"

COURSE_TYPE = f"{_CMI5}activitytype/course"
BLOCK_TYPE = f"{_CMI5}activitytype/block"

LAUNCH_DATA = "LMS.LaunchData"
PREFERENCES = "cmi5LearnerPreferences"
MODES = ("Normal", "Browse", "Review")
LAUNCH_METHODS = ("AnyWindow", "OwnWindow")
# What must have been recorded for a unit to be satisfied: each of the sets is enough.
MOVE_ON_VALUES = {
    "Passed": ({"passed"},),
    "Completed": ({"completed"},),
    "CompletedAndPassed": ({"completed", "passed"},),
    "CompletedOrPassed": ({"completed"}, {"passed"}),
    "NotApplicable": (set[str](),),
}
LAUNCH_NAMES = frozenset({"endpoint", "fetch", "actor", "registration", "activityId"})
COURSE_STRUCTURE = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"
