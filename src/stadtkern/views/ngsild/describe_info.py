"""What the operation about the server itself does. Spec: CIM 009 5.15."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Operations, Text
from stadtkern.views.ngsild.describe_parts import described, operation
from stadtkern.views.ngsild.describe_schemas import ref

OPERATIONS: Final[Operations] = {
    ("info", "sourceIdentity"): {
        "GET": operation(
            "sourceIdentity",
            "6.33.3.1",
            Text("Tell who this server is", "Sagen, wer dieser Server ist"),
            Text(
                "Its alias among context sources; each tenant has its own.", "Sein Name als Quelle, je Mandant einer."
            ),
            (described(ref("ContextSourceIdentity"), "Its identity.", "Seine Identität."),),
            problems=(406,),
            tag="server",
        )
    },
}
