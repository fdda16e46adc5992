"""The lines about how often LMSs with one-item interfaces are asked for each result, once their people are known."""

from __future__ import annotations

from objectives.models import Participant, Result
from tests import make
from tests.bench.stage import Stage
from tests.bench.table import Bound, Line
from tests.catalogues import Catalogue, ElmsCatalogue
from tests.lms import PracticeLMS
from tests.scene import pump

NAMES = [f"person{number}@example.com" for number in range(20)]
ROUNDS = 5


def asking(stage: Stage) -> list[Line]:
    """Requests for each result. They are counted and not timed, so that neither database nor machine matter."""
    with PracticeLMS() as lms:
        behind = Catalogue(lms, make.organization("Fabrikam"))
        for number, name in enumerate(NAMES):
            behind.account.add_user(name, f"p{number}")
        lines = [_line("StackOne", behind, 1.05)]
    with PracticeLMS() as lms:
        elms = ElmsCatalogue(lms, make.organization("Contoso"))
        for name in NAMES:
            elms.campus.add_account(name)
        return [*lines, _line("Open eLMS", elms, 3)]


def _line(vendor: str, lms: Catalogue, most: float) -> Line:
    people = [lms.person(name) for name in NAMES]
    counted = [_round(lms, people, number) for number in range(ROUNDS + 1)]
    # In the first round people are looked up.
    results, requests = ROUNDS * len(people), sum(counted[1:])
    return Line(
        what=f"requests to {vendor} for a result",
        beside="results, people and contents known",
        measured=f"{requests} : {results}",
        value=requests / results,
        shown=f"{requests / results:.2f}×",
        gate=Bound(most, at_least=False, unit="×"),
    )


def _round(lms: Catalogue, people: list[Participant], number: int) -> int:
    """How many requests a result of each of these people takes, for an objective that the LMS has by then."""
    lms.objective = make.objective(lms.organization, f"Round {number}", external_reference=f"round-{number}")
    lms.bring()
    before = lms.lms.store().request_count
    Result.objects.record([Result(participant=one, objective=lms.objective, success=True) for one in people])
    pump()
    return lms.lms.store().request_count - before
