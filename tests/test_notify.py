"""Notifications: each reaches its receiver at least once, in order and signed, whatever happens."""

from __future__ import annotations

import base64
import random
import re
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from desk_events import OTHER_RULES, PROGRAM, RULES, about, clock, order
from receivers import (
    ENDLESS,
    LARGE,
    LATE,
    NONE,
    SECRET,
    Answer,
    Notifier,
    Receiver,
    Sent,
    notifier,
    receiving,
)
from repurchase.domain.events import Event
from repurchase.journal.desk import Desk
from repurchase.journal.records import digest
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal
from repurchase.notify.signature import signed
from stores import Store
from test_cli import run

PAGE: Final = (Path(__file__).parents[1] / "docs" / "service.md").read_text("utf-8")
WATCHED: Final = RULES.replace("rules:\n", "notify:\n  program.shares: [20, 25, 50]\nrules:\n")
# So many are denied while notifiers are killed.
ORDERS: Final = 24
FILL: Final = {"order": "o-1", "price": 10, "fees": 0, "reason": None}
# One of each kind of notification, and what is no news.
EVENTS: Final = (
    order("o-1", 15),
    order("o-2", 50),
    order("o-3", 1, method="block"),
    order("o-4", 20),
    about("fill", "f-1", quantity=1, **FILL),
    about("fill", "f-1", quantity=2, **FILL),
    about("resume", "r-1", causes=("f-1",)),
    about("confirm", "c-1", of="r-1", by="carl", reason=None),
)
TOLD: Final = [
    (1, "rules.adopted"),
    (2, "use.reached"),
    (2, "use.reached"),
    (3, "decision.denied"),
    (4, "decision.held"),
    (5, "use.reached"),
    (7, "decision.refused"),
    (7, "halt.begun"),
    (9, "halt.ended"),
    (10, "rules.proposed"),
]


def recorded(url: str, *events: Event) -> None:
    """Record *events* at a desk of the program, which begins if it has not."""
    with Journal(url, create=True) as journal:
        first = rule_text(WATCHED.encode(), "acme.yaml")
        begun = PROGRAM in journal.programs()
        desk = Desk(journal, PROGRAM, clock(), None if begun else first, "tess")
        for event in events:
            desk.submit(event)


@pytest.fixture
def journal(sqlite: Store) -> str:
    """Give a journal with one of each kind of notification."""
    recorded(sqlite.url, *EVENTS)
    with Journal(sqlite.url) as found:
        other = rule_text(OTHER_RULES.encode(), "other.yaml")
        Desk(found, PROGRAM, clock()).adopt(other, "ann", "an amendment")
    return sqlite.url


def told(found: list[Sent]) -> list[tuple[int, str]]:
    return [(one.notice["record"], one.notice["type"]) for one in found]


def answers(*script: Answer) -> Callable[[int], Answer]:
    """Return what answers by *script*, and then takes everything."""
    return lambda number: script[number] if number < len(script) else (200, {})


def verifier() -> Callable[..., bool]:
    """Return the function with which the page says that a receiver verifies."""
    (block,) = re.findall(r"```python\n(import base64\n.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    found: Callable[..., bool] = names["is_genuine"]
    return found


def is_genuine(one: Sent, **changes: Any) -> bool:
    """Return whether the documented verifier takes *one* for genuine, when it was sent."""
    now = int(one.headers["webhook-timestamp"])
    given = {"secret": SECRET, "headers": one.headers, "body": one.body, "now": now, **changes}
    return verifier()(**given)


# --- what is told


def test_each_kind_is_told_in_the_order_of_the_records(tmp_path: Path, store: Store) -> None:
    """On both journals: what is told, with its receipt, signed; and nothing a second time."""
    recorded(store.url, *EVENTS)
    with receiving() as receiver:
        assert notifier(tmp_path, store.url, receiver.url, "--once").ended() == 0
        assert told(receiver.taken()) == TOLD[:-1]
        again = notifier(tmp_path, store.url, receiver.url, "--once")
        assert again.ended() == 0
        assert len(receiver.sent) == len(TOLD) - 1
        recorded(store.url, order("o-9", 1_000))
        assert notifier(tmp_path, store.url, receiver.url, "--once").ended() == 0
    assert told(receiver.sent[-1:]) == [(10, "decision.denied")]
    with Journal(store.url) as opened:
        receipts = [opened.hash_of(PROGRAM, one.notice["record"]) for one in receiver.sent]
    assert [one.notice["hash"] for one in receiver.sent] == receipts
    assert all(is_genuine(one) for one in receiver.sent)
    assert len({one.name for one in receiver.sent}) == len(receiver.sent)
    assert {one.notice["program"] for one in receiver.sent} == {PROGRAM}
    assert all(one.notice["id"] == one.name for one in receiver.sent)


def test_what_is_told_is_what_the_journal_has(tmp_path: Path, journal: str) -> None:
    """A decision in words as the service answers it, a use in exact numbers, a halt's cause."""
    with receiving() as receiver:
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert told(receiver.taken()) == TOLD
    data = {one.notice["record"]: one.notice["data"] for one in receiver.taken()}
    assert data[7]["kind"] == "fill"
    assert data[2] == {
        "name": "program.shares", "used": "15", "whole": "40", "share": "37.5", "percent": 25,
        "is_known": True,
    }  # fmt: skip
    assert (data[5]["used"], data[5]["share"], data[5]["percent"]) == ("35", "87.5", 50)
    story = run("show", "o-2", "--journal", journal, "--json").json[0]
    assert data[3]["decision"] == story["decision"]
    assert data[3]["event"]["id"] == "o-2"
    assert "share-cap" in [one["rule"] for one in data[3]["decision"]["findings"]]
    assert (data[7]["id"], data[9]["id"]) == ("f-1", "f-1")
    assert (data[1]["by"], data[10]["by"], data[10]["reason"]) == ("tess", "ann", "an amendment")
    assert data[10]["pending"]
    assert data[1]["rules"]["file"] == digest(WATCHED.encode())


@pytest.mark.slow
def test_outcomes_are_chosen(tmp_path: Path, journal: str) -> None:
    """Those that are named are told, and everything besides decisions as before."""
    with receiving() as receiver:
        options = ("--once", "--outcome", "approved", "--outcome", "denied")
        assert notifier(tmp_path, journal, receiver.url, *options).ended() == 0
    found = [one for one in told(receiver.taken()) if one[1].startswith("decision.")]
    assert found == [
        (2, "decision.approved"),
        (3, "decision.denied"),
        (5, "decision.approved"),
        (6, "decision.approved"),
    ]
    others = [one for one in TOLD if not one[1].startswith("decision.")]
    assert [one for one in told(receiver.taken()) if one not in found] == others


# --- how it is delivered


def test_what_is_not_taken_is_sent_again_before_the_next(tmp_path: Path, journal: str) -> None:
    """Errors, a redirect that nobody follows, no answer; the pauses grow, or are as asked for."""
    script: tuple[Answer, ...] = (
        (500, {}),
        NONE,
        (429, {"retry-after": "2"}),
        (200, {}),
        (302, {"location": "/elsewhere"}),
        (404, {"retry-after": "soon"}),
        (200, {}),
        (503, {"retry-after": "99999"}),
    )
    with receiving(answers(*script)) as receiver:
        running = notifier(tmp_path, journal, receiver.url)
        receiver.wait(len(script))
        # It asked for hours.
        running.process.terminate()
        assert running.ended() == 0
        found = running.lines("not-delivered")
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert {one.path for one in receiver.sent} == {"/desk"}
    assert told(receiver.taken()) == TOLD
    each = [(one.name, one.body) for one in receiver.sent]
    assert [len({*each[first:last]}) for first, last in ((0, 4), (4, 7), (7, 9))] == [1, 1, 1]
    why = [one["why"] for one in found]
    assert [why[0], *why[2:]] == [f"status {one}" for one in (500, 429, 302, 404, 503)]
    # The longest pause is an hour.
    assert [one["again_ms"] for one in found] == [250, 500, 2_000, 250, 500, 3_600_000]
    assert all(is_genuine(one) for one in receiver.sent)


def test_receiver_that_does_not_answer_is_not_waited_for(tmp_path: Path, journal: str) -> None:
    """After the patience, the same is sent again, also if an answer begins and never ends."""
    with receiving(answers(LATE, ENDLESS)) as receiver:
        running = notifier(tmp_path, journal, receiver.url, "--once", "--patience", "1")
        assert running.ended() == 0
    assert told([*{one.name: one for one in receiver.taken()}.values()]) == TOLD
    assert [one["record"] for one in running.lines("not-delivered")][:2] == [1, 1]


def test_large_answer_is_not_read(tmp_path: Path, journal: str) -> None:
    """What was taken is taken, whatever the receiver says besides."""
    with receiving(answers(LARGE)) as receiver:
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert told(receiver.taken()) == TOLD


@pytest.mark.slow
def test_once_does_not_try_for_ever(tmp_path: Path, journal: str) -> None:
    """It ends with 2, and the next run goes on at the same notification."""
    with receiving(lambda number: (500 if 1 <= number <= 5 else 200, {})) as receiver:
        running = notifier(tmp_path, journal, receiver.url, "--once")
        assert running.ended() == 2
        assert "did not take the notification of record 2" in running.log.read_text("utf-8")
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert told(receiver.taken()) == TOLD
    assert [len({one.name for one in receiver.sent[1:last]}) for last in (7, 8)] == [1, 2]


def test_receiver_that_is_gone_ends_the_notifier(tmp_path: Path, journal: str) -> None:
    """It says so, and nothing is lost: another address gets the same."""
    with receiving(answers((200, {}), (410, {}))) as receiver:
        running = notifier(tmp_path, journal, receiver.url)
        assert running.ended() == 2
        assert "410" in running.log.read_text("utf-8")
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert told(receiver.taken()) == TOLD


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_notifier_ends_in_order(
    tmp_path: Path, journal: str, number: signal.Signals, code: int
) -> None:
    """It follows the journal until it is told to end, also while it waits to send again."""
    with receiving() as receiver:
        running = notifier(tmp_path, journal, receiver.url)
        receiver.wait(len(TOLD))
        recorded(journal, order("o-9", 1_000))
        receiver.wait(len(TOLD) + 1)
        running.process.send_signal(number)
        assert running.ended() == code
        receiver.answer = lambda _: (503, {"retry-after": "3600"})
        recorded(journal, order("o-10", 1_000))
        running = notifier(tmp_path, journal, receiver.url)
        receiver.wait(len(TOLD) + 2)
        running.process.send_signal(number)
        assert running.ended() == code
        receiver.answer = lambda _: (204, {})
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    assert told(receiver.taken()) == [*TOLD, (11, "decision.denied"), (12, "decision.denied")]


def test_two_notifiers_of_one_name_do_not_run(tmp_path: Path, journal: str) -> None:
    """The second one says so and ends; one of another name delivers all of it, too."""
    with receiving() as receiver:
        running = notifier(tmp_path, journal, receiver.url)
        receiver.wait(len(TOLD))
        (tmp_path / "other").mkdir()
        second = notifier(tmp_path / "other", journal, receiver.url, "--once")
        assert second.ended() == 2
        assert "a notifier of the name `desk` runs already" in second.log.read_text("utf-8")
        assert len(receiver.sent) == len(TOLD)
        other = notifier(tmp_path / "other", journal, receiver.url, "--once", name="other")
        assert other.ended() == 0
        running.process.terminate()
        assert running.ended() == 0
    assert told(receiver.taken()) == TOLD * 2


def killed(receiver: Receiver, running: Callable[[], Notifier], chance: random.Random) -> None:
    """Let *receiver* kill what is *running*, before or after it takes some of the notifications."""

    def answer(_: int) -> Answer:
        kind = chance.choice(("before", "after", "not", "not"))
        if kind == "before":
            running().process.kill()
        if kind == "after":
            threading.Timer(chance.choice((0, 0.001, 0.01)), running().process.kill).start()
        return 200, {}

    receiver.answer = answer


@pytest.mark.slow
def test_killed_notifier_loses_nothing(tmp_path: Path, store: Store) -> None:
    """Each notification comes at least once, in order, and with the same ID if it comes again."""
    recorded(store.url, *(order(f"o-{number}", 1_000) for number in range(ORDERS)))
    chance = random.Random(20)
    with receiving() as receiver:
        current: list[Notifier] = []
        killed(receiver, lambda: current[-1], chance)
        codes: list[int] = []
        while not codes or codes[-1] != 0:
            current.append(notifier(tmp_path, store.url, receiver.url, "--once"))
            codes.append(current[-1].ended())
        assert codes.count(-signal.SIGKILL) == len(codes) - 1 > 4
    every = [one.notice["record"] for one in receiver.sent]
    assert list(dict.fromkeys(every)) == list(range(1, ORDERS + 2))
    assert every == sorted(every)
    bodies = {(one.name, one.body) for one in receiver.sent}
    assert len(bodies) == len({one.name for one in receiver.sent}) == ORDERS + 1
    # Some came again, or nothing was tried.
    assert len(receiver.sent) > ORDERS + 1


@pytest.mark.slow
def test_journal_that_does_not_answer_is_waited_for(tmp_path: Path, postgres: Store) -> None:
    """The connections end; the notifier says so, and delivers what is recorded afterwards."""
    recorded(postgres.url, *EVENTS)
    with receiving() as receiver:
        running = notifier(tmp_path, postgres.url, receiver.url)
        receiver.wait(len(TOLD) - 1)
        with postgres.connected() as connection:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
            end += " current_database() AND pid <> pg_backend_pid()"
            connection.execute(sa.text(end))
        recorded(postgres.url, order("o-9", 1_000))
        receiver.wait(len(TOLD))
        running.process.terminate()
        assert running.ended() == 0
    assert told(receiver.taken())[-1] == (10, "decision.denied")


def test_journal_that_lost_records_is_noticed(tmp_path: Path, journal: str) -> None:
    """An older copy of the journal has other records at the place of the cursor."""
    with receiving() as receiver:
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
        for path in Path(journal).parent.glob("journal.db*"):
            path.unlink()
        recorded(journal, *EVENTS)
        for _ in range(2):
            running = notifier(tmp_path, journal, receiver.url, "--once")
            assert running.ended() == 1
            assert "the journal does not have record 10" in running.log.read_text("utf-8")
            # As many records as it had, or more, are not the same.
            recorded(journal, order("o-8", 1_000), order("o-9", 1_000))
    assert len(receiver.sent) == len(TOLD)


def test_cursor_that_cannot_be_used_ends_the_notifier(tmp_path: Path, journal: str) -> None:
    """It names the file; what was delivered comes again once the file can be written or read."""
    state = tmp_path / "state"
    with receiving() as receiver:

        def answer(number: int) -> Answer:
            # In place of what is written before the file is replaced.
            if number == 2:
                (file,) = state.glob("repurchase/notify/*.json")
                file.with_name(f"{file.name}.partial").mkdir()
            return 200, {}

        def ended(*, state: Path = state) -> str:
            found = notifier(tmp_path, journal, receiver.url, "--once", XDG_STATE_HOME=str(state))
            return f"{found.ended()} {found.log.read_text('utf-8')}"

        receiver.answer = answer
        assert ".json.partial: how far the notifier has come cannot be written" in ended()
        (file,) = state.glob("repurchase/notify/*.json")
        file.with_name(f"{file.name}.partial").rmdir()
        kept = file.read_bytes()
        file.write_text("{}", "utf-8")
        assert "how far the notifier has come cannot be read" in ended()
        file.write_bytes(kept)
        assert ended().startswith("0")
        assert told(receiver.sent) == [*TOLD[:3], *TOLD[2:]]
        assert receiver.sent[2].name == receiver.sent[3].name
        assert "how far the notifier has come cannot be kept" in ended(state=file)


def test_rules_of_each_record_say_what_is_sent(tmp_path: Path, sqlite: Store) -> None:
    """Nothing by a file without `notify`; another file asks for it; a third asks for more."""
    asking = [
        RULES.replace("rules:\n", f"notify: {{program.shares: {at}}}\nrules:\n")
        for at in ("[20]", "[10, 50]")
    ]
    first = rule_text(RULES.encode(), "acme.yaml")
    with Journal(sqlite.url, create=True) as found, receiving() as receiver:
        desk = Desk(found, PROGRAM, clock(), first, "tess", one_person=True)
        desk.submit(order("o-1", 15))
        for number, text in enumerate(asking):
            # Each time by a new process.
            assert notifier(tmp_path, sqlite.url, receiver.url, "--once").ended() == 0
            desk.adopt(rule_text(text.encode(), "acme.yaml"), "tess", "an amendment")
            desk.submit(order(f"o-2{number}", 3))
        assert notifier(tmp_path, sqlite.url, receiver.url, "--once").ended() == 0
    uses = [
        (one["record"], one["data"]["percent"])
        for sent in receiver.sent
        if (one := sent.notice)["type"] == "use.reached"
    ]
    assert uses == [(3, 20), (5, 10), (6, 50)]


def test_record_that_was_changed_ends_the_notifier(
    tmp_path: Path, sqlite: Store, journal: str
) -> None:
    """It does not go on to ask a journal that was tampered with, nor send what that holds."""
    with receiving() as receiver:
        running = notifier(tmp_path, journal, receiver.url)
        receiver.wait(len(TOLD))
        running.process.send_signal(signal.SIGSTOP)
        recorded(journal, order("o-9", 1_000))
        other = "SELECT body FROM records WHERE sequence = 4"
        sqlite.change(f"UPDATE records SET body = ({other}) WHERE sequence = 11")
        running.process.send_signal(signal.SIGCONT)
        assert running.ended() == 1
    assert "record 11: its content was changed" in running.log.read_text("utf-8")
    assert told(receiver.sent) == TOLD


# --- who it is sent to, and how a receiver knows


def test_signature_is_that_of_the_convention() -> None:
    """The vector with which the libraries of Standard Webhooks test themselves, alone or second."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    vector = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    found = signed((secret,), name, 1614265330, body)
    assert found["webhook-signature"] == vector
    both = signed((bytes(24), secret), name, 1614265330, body)["webhook-signature"].split()
    assert (len(both), both[1]) == (2, vector)
    assert both[0] != vector


def test_receiver_sees_what_is_not_genuine(tmp_path: Path, journal: str) -> None:
    """Another body, ID, time or secret, and what was sent long ago; an old secret still counts."""
    old = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "secret").write_text(f"{SECRET}\n{old}\n", "utf-8")
    with receiving() as receiver:
        assert notifier(tmp_path, journal, receiver.url, "--once").ended() == 0
    one = receiver.sent[0]
    now = int(one.headers["webhook-timestamp"])
    assert abs(now - datetime.now(UTC).timestamp()) < 300
    assert is_genuine(one)
    assert is_genuine(one, secret=old)
    assert is_genuine(one, now=now + 300)
    bent: list[dict[str, Any]] = [
        {"body": one.body.replace(b"tess", b"toss")},
        {"secret": f"whsec_{base64.b64encode(bytes(32)).decode()}"},
        {"now": now + 301},
        {"now": now - 301},
        {"headers": {**one.headers, "webhook-id": "msg_0"}},
        {"headers": {**one.headers, "webhook-timestamp": str(now + 1)}},
        {"headers": {**one.headers, "webhook-timestamp": "now"}},
        {"headers": {**one.headers, "webhook-signature": "v1,"}},
    ]
    assert [is_genuine(one, **change) for change in bent] == [False] * len(bent)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a certificate of this machine that only its owner vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now, here = datetime.now(UTC), x509.IPAddress(IPv4Address("127.0.0.1"))
    own = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    path = tmp_path / "receiver.pem"
    none = serialization.NoEncryption()
    path.write_bytes(own.public_bytes(encoding) + key.private_bytes(encoding, form, none))
    return path


def test_certificate_of_the_receiver_is_verified(
    tmp_path: Path, journal: str, certificate: Path
) -> None:
    """One that nobody vouches for gets nothing, until its owner is named."""
    with receiving(certificate=certificate) as receiver:
        running = notifier(tmp_path, journal, receiver.url, "--once")
        assert running.ended() == 2
        assert "CERTIFICATE_VERIFY_FAILED" in running.lines("not-delivered")[0]["why"]
        assert receiver.sent == []
        trusted = str(certificate)
        running = notifier(tmp_path, journal, receiver.url, "--once", SSL_CERT_FILE=trusted)
        assert running.ended() == 0
    assert told(receiver.taken()) == TOLD


@pytest.mark.parametrize(
    "url",
    [
        "http://alerts.example.com/desk",
        "http://10.0.0.7/desk",
        "http://localhost.example.com/",
        "https://ann:secret@alerts.example.com/desk",
        "https:///desk",
        "https://[::1/desk",
        "ftp://127.0.0.1/desk",
        "desk",
    ],
)
def test_address_that_is_not_private_is_refused(tmp_path: Path, journal: str, url: str) -> None:
    """Nothing leaves this machine unencrypted; a word of the address is not shown."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET, "utf-8")
    ended = run("notify", "--journal", journal, "--to", url, "--secret", secret, "--once")
    assert ended.code == 2
    assert ended.err.startswith("--to is not an address")
    assert "example" not in ended.err


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n".join([SECRET] * 3),
        SECRET.removeprefix("whsec_"),
        f"whsec_{base64.b64encode(bytes(23)).decode()}",
        f"whsec_{base64.b64encode(bytes(66)).decode()}",
        f"{SECRET}=",
        f"{SECRET}\nwhsec_%%%%",
    ],
)
def test_secret_that_is_none_is_refused(tmp_path: Path, journal: str, content: str) -> None:
    """The message does not say what stands there; nor is a secret one that others can read."""
    path = tmp_path / "secret"
    path.touch(0o600)
    said = (
        "notify",
        "--journal",
        journal,
        "--to",
        "http://127.0.0.1:9",
        "--secret",
        path,
        "--once",
    )
    for body, mode, what in (
        (content, 0o600, "the file does not hold one secret, or a new one and an old one"),
        (SECRET, 0o640, "others than its owner can open the file of secrets"),
    ):
        path.write_text(body, "utf-8")
        path.chmod(mode)
        ended = run(*said)
        assert (ended.code, what in ended.err) == (2, True)
        assert "whsec_C2" not in ended.err
