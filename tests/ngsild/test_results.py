"""Answers that say which attributes were left alone."""

from __future__ import annotations

import msgspec

from stadtkern.model.change import NotUpdated, Outcome
from stadtkern.model.ids import Iri
from stadtkern.views.ngsild.results import batch_result, update_result

SPEED, SECRET = Iri("https://example.org/speed"), Iri("https://example.org/secret")
PARTIAL = Outcome(updated=[SPEED], not_updated=[NotUpdated(SECRET, "These credentials may not …", forbidden=True)])


def test_update_result_says_what_the_credentials_do_not_allow() -> None:
    response = update_result(PARTIAL)
    assert response.status == 207
    assert msgspec.json.decode(response.body) == {
        "updated": [SPEED],
        "notUpdated": [{"attributeName": SECRET, "reason": "These credentials may not …"}],
    }


def test_batch_result_calls_an_element_forbidden_where_the_credentials_did_not_allow_all_of_it() -> None:
    response = batch_result([("urn:x:1", PARTIAL), ("urn:x:2", Outcome())])
    assert response.status == 207
    body = msgspec.json.decode(response.body)
    assert body["success"] == ["urn:x:2"]
    assert (body["errors"][0]["entityId"], body["errors"][0]["error"]["status"]) == ("urn:x:1", 403)
    assert SECRET in body["errors"][0]["error"]["detail"]
