"""What the judge asks of an assignable unit (AU): one table of ids, sections and sentences."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One rule. ``status`` is what a request that breaks it is answered with.

    The unit is to blame for breaking it unless ``foreseeable`` is false: then it could not know, as when the learner
    launched once more in another tab.
    """

    id: str
    section: str
    sentence: str
    status: int = 403
    foreseeable: bool = True


def _table(*rows: Requirement) -> dict[str, Requirement]:
    return {row.id: row for row in rows}


_R = Requirement

REQUIREMENTS = _table(
    # The token
    _R("cmi5-8.2.1-post", "8.2.1", "The token is asked for by POST.", 405),
    _R("cmi5-8.2.1-fetch-once", "8.2.1", "The token is asked for once only.", 200),
    _R("cmi5-8.2.1-basic", "8.2.1", "The token goes into the Authorization header after Basic.", 401),
    _R(
        "cmi5-8.2.1-session-only",
        "8.2.1",
        "The token is good for the length of the session; after terminated nothing is read by it.",
        foreseeable=False,
    ),
    _R(
        "cmi5-9.3.6-abandoned",
        "9.3.6",
        "Once a session is abandoned nothing is recorded for it.",
        foreseeable=False,
    ),
    # Documents
    _R("cmi5-10.1-state-activity", "10.1", "LMS.LaunchData is asked for with the launch's activityId."),
    _R("cmi5-10.1-state-agent", "10.1", "LMS.LaunchData is asked for with the launch's actor as agent."),
    _R("cmi5-10.1-state-registration", "10.1", "LMS.LaunchData is asked for with the launch's registration."),
    _R("cmi5-10.2.1-launch-data-read", "10.2.1", "LMS.LaunchData is read before the first request for statements."),
    _R("cmi5-10.2.1-launch-data-kept", "10.2.1", "LMS.LaunchData is neither changed nor deleted."),
    _R("cmi5-11-preferences-read", "11", "The learner's preferences are read before any statement is sent or read."),
    _R("cmi5-11-preferences-agent", "11", "Preferences are asked for with the launch's actor as agent."),
    _R(
        "cmi5-11-preferences-format",
        "11",
        "Preferences are a JSON object of languagePreference, a list of language tags with commas, and "
        "audioPreference, on or off.",
        400,
    ),
    # Order
    _R("cmi5-9.3.2-initialized-first", "9.3.2", "Initialized is the first statement of any kind."),
    _R("cmi5-9.3.2-initialized-first-by-time", "9.3", "No statement has an earlier timestamp than initialized."),
    _R("cmi5-9.3.2-initialized-alone", "9.3.2", "Initialized is sent alone, not in one batch with others."),
    _R("cmi5-9.3.8-terminated-last", "9.3.8", "Terminated is the last statement of any kind."),
    _R("cmi5-9.3.8-terminated-last-by-time", "9.3", "No statement has a later timestamp than terminated."),
    _R("cmi5-7.1.3-allowed-between", "7.1.3", "Statements that are cmi5 allowed come after initialized."),
    _R("cmi5-9.3-verb-once", "9.3", "A verb is used once in a session."),
    _R("cmi5-9.3-passed-or-failed", "9.3", "A session has passed or failed, not both."),
    _R("cmi5-9.3.3-completed-once", "9.3.3", "Completed is recorded once in a registration."),
    _R("cmi5-9.3.4-passed-once", "9.3.4", "Passed is recorded once in a registration."),
    _R("cmi5-9.3.5-failed-after-passed", "9.3", "Failed does not follow passed in a registration."),
    _R(
        "cmi5-10.2.2-mode",
        "10.2.2",
        "In the modes Browse and Review only initialized and terminated of the cmi5 defined statements are sent.",
    ),
    # Who, what, when
    _R("cmi5-6.3-voiding", "6.3", "A unit voids no statements."),
    _R("cmi5-9.1-id", "9.1", "The unit gives each statement its id."),
    _R("cmi5-9.2-actor", "9.2", "The actor is the launch's actor, whole and unchanged."),
    _R("cmi5-9.3-lms-verbs", "9.3", "Launched, abandoned, waived and satisfied are the LMS's verbs."),
    _R("cmi5-9.4-object", "9.4", "The object's id is the launch's activityId."),
    _R("cmi5-9.7-timestamp", "9.7", "Each statement has its timestamp."),
    _R("cmi5-9.7-utc", "9.7", "Timestamps are in UTC."),
    # Context
    _R("cmi5-9.6.1-registration", "9.6.1", "The context has the launch's registration."),
    _R("cmi5-9.6.3.1-session-id", "9.6.3.1", "The context has the session id of the context template."),
    _R("cmi5-9.6.2.3-publisher-id", "9.6.2.3", "The context's grouping has the publisher's id of the unit."),
    _R("cmi5-10.2.1-template", "10.2.1", "Nothing of the context template is changed or left out."),
    _R(
        "cmi5-9.6.2.1-cmi5-category",
        "9.6.2.1",
        "A statement about the unit with a verb of cmi5 has the cmi5 category.",
    ),
    _R("cmi5-7.1.3-cmi5-verbs-only", "7.1.3", "The cmi5 category goes with verbs that cmi5 defines only."),
    _R("cmi5-9.6.2.2-moveon-category", "9.6.2.2", "With success or completion goes the moveOn category."),
    _R("cmi5-9.6.2.2-moveon-only-then", "9.6.2.2", "Without success or completion there is no moveOn category."),
    # Result
    _R("cmi5-9.5.1-score-verbs", "9.5.1", "Only passed and failed may have a score."),
    _R("cmi5-9.5.1-scaled", "9.5.1", "The scaled score is from 0 to 1."),
    _R("cmi5-9.5.1-raw", "9.5.1", "With a raw score go its min and max."),
    _R("cmi5-9.5.1-whole-numbers", "9.5.1", "Raw, min and max are whole numbers."),
    _R("cmi5-9.5.2-success", "9.5.2", "Passed has success true, and failed has success false."),
    _R("cmi5-9.5.2-success-only-then", "9.5.2", "Only passed and failed have success."),
    _R("cmi5-9.5.3-completion", "9.5.3", "Completed has completion true."),
    _R("cmi5-9.5.3-completion-only-then", "9.5.3", "Only completed has completion."),
    _R("cmi5-9.5.4.1-duration", "9.5.4.1", "Completed, passed, failed and terminated have their duration."),
    _R("cmi5-9.5.5.1-progress", "9.5.5.1", "Progress is a whole number from 0 to 100."),
    _R("cmi5-9.5.5.1-progress-before-completed", "9.5.5.1", "Progress is told before completed only."),
    _R("cmi5-9.3.4-mastery", "9.3.4", "Passed has a scaled score of at least masteryScore."),
    _R("cmi5-9.3.5-mastery", "9.3.5", "Failed has a scaled score below masteryScore."),
    _R(
        "cmi5-9.6.3.2-masteryscore",
        "9.6.3.2",
        "Passed and failed by a score carry masteryScore as an extension of the context.",
    ),
    _R("cmi5-9.6.3.2-masteryscore-value", "9.6.3.2", "The extension masteryScore has the launch data's value."),
    # xAPI, and what real LMSs stumble over
    _R("xapi-statement", "xAPI 1.0.3, 2.2.2", "What is sent are valid statements.", 400),
    _R("xapi-request", "xAPI 1.0.3, 3", "The request is one that xAPI knows.", 400),
    _R("xapi-id-unique", "xAPI 1.0.3, 2.2.3.1", "No two statements have one id.", 409),
    _R(
        "seen-compact-json",
        "seen on LMSs",
        "The body is compact JSON with no needless escapes: an LMS that passes it on with the old length hangs.",
        400,
    ),
)
