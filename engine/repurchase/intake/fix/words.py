"""The words of FIX: which values of its fields are read, and what each means for an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The fields that are read, by their tags.
NAMES: Final[Mapping[str, str]] = {
    "6": "AvgPx",
    "11": "ClOrdID",
    "12": "Commission",
    "13": "CommType",
    "14": "CumQty",
    "15": "Currency",
    "17": "ExecID",
    "19": "ExecRefID",
    "20": "ExecTransType",
    "30": "LastMkt",
    "31": "LastPx",
    "32": "LastQty",
    "34": "MsgSeqNum",
    "35": "MsgType",
    "38": "OrderQty",
    "39": "OrdStatus",
    "40": "OrdType",
    "41": "OrigClOrdID",
    "43": "PossDupFlag",
    "44": "Price",
    "49": "SenderCompID",
    "52": "SendingTime",
    "54": "Side",
    "55": "Symbol",
    "56": "TargetCompID",
    "59": "TimeInForce",
    "60": "TransactTime",
    "65": "SymbolSfx",
    "76": "ExecBroker",
    "97": "PossResend",
    "100": "ExDestination",
    "122": "OrigSendingTime",
    "126": "ExpireTime",
    "127": "DKReason",
    "150": "ExecType",
    "151": "LeavesQty",
    "167": "SecurityType",
    "168": "EffectiveTime",
    "231": "ContractMultiplier",
    "388": "DiscretionInst",
    "389": "DiscretionOffsetValue",
    "381": "GrossTradeAmt",
    "423": "PriceType",
    "432": "ExpireDate",
    "434": "CxlRejResponseTo",
    "442": "MultiLegReportingType",
    "461": "CFICode",
    "464": "TestMessageIndicator",
    "479": "CommCurrency",
    "555": "NoLegs",
    "845": "DiscretionPrice",
    "854": "QtyType",
    "1362": "NoFills",
}
SIDES: Final[Mapping[str, str]] = {"1": "buy", "2": "sell", "5": "sell", "6": "sell"}
# What SecurityType (167) calls shares: common, preferred, and depositary receipts.
SHARES: Final = ("CS", "PS", "DR")
MARKET: Final = "1"
# The types whose Price (44) is the highest price of a buy order: limit, stop limit, limit or
# better, limit with or without, limit on close, and pegged with a limit.
LIMITED: Final = frozenset(("2", "4", "7", "8", "B", "P"))
# What lets an order pay more than its Price.
DISCRETION: Final = ("388", "389", "845")
# An order that ends with its day: day, at the opening, immediate or cancel, fill or kill, at the
# close. The other two that are read are good till cancel, and good till date.
OF_THE_DAY: Final = frozenset(("", "0", "2", "3", "4", "7"))
UNTIL_CANCELLED: Final = "1"
UNTIL_DATE: Final = "6"
# The last day that an event can have stands for an order that nothing but a cancel ends.
LAST_DAY: Final = "2199-12-31"

# The fields that --ignore may leave out: venues, brokers and costs may have names of the sender's,
# and TransactTime another clock than UTC.
IGNORABLE: Final = ("12", "30", "60", "76", "100", "136")

# The versions that ApplVerID (1128) and DefaultApplVerID (1137) may give: 4.2, 4.4, and 5.0 with
# its service packs, which add fields and change none that is read.
APPLICATIONS: Final = frozenset("46789")

# What else OrdType (40) can be, for messages.
ORDER_TYPES: Final[Mapping[str, str]] = {
    "3": "a stop order",
    "5": "a market order at the close",
    "6": "with or without",
    "9": "on basis",
    "A": "at the close",
    "C": "a forex market order",
    "D": "previously quoted",
    "E": "previously indicated",
    "J": "market if touched",
    "K": "market with the rest as a limit order",
    "L": "at the previous fund valuation",
    "M": "at the next fund valuation",
}
# The OrdStatus (39) of an order of which nothing is left to fill because all of it was filled.
FILLED: Final = "2"
# The OrdStatus (39) after which nothing is left to fill.
ENDED: Final = frozenset("348BC")
# The event fields that --column and --set may give; the others come from the message alone.
SETTABLE: Final = frozenset(
    ("symbol", "venue", "venues", "broker", "by", "reason", "method", "fx", "fees", "authorization")
)

# What an ExecType (150) means: an effect on the order, or nothing.
EFFECTS: Final[Mapping[str, str]] = {
    **dict.fromkeys("12F", "fill"),
    "H": "bust",
    "G": "correct",
    "4": "cancel",
    "C": "expire",
    "3": "done",
    "5": "replaced",
    "D": "restated",
    "8": "rejected",
    # New, pending new, pending cancel, pending replace, stopped, suspended, calculated, status,
    # and triggered change nothing that is counted.
    **dict.fromkeys("0A6E79BIL", "nothing"),
}
# What an ExecTransType (20) of FIX 4.2 means instead; 0 leaves it to the ExecType.
TRANSACTIONS: Final[Mapping[str, str]] = {"1": "bust", "2": "correct", "3": "nothing"}

# Messages that neither ask for an order nor report a trade.
SKIPPED: Final = frozenset(
    (
        # The session, and answers to messages that the log has.
        *("0", "1", "2", "4", "5", "A", "BE", "BF"),
        # News, market data, instruments, trading sessions, networks.
        *("B", "C", "V", "W", "X", "Y", "c", "d", "e", "f", "g", "h", "v", "w", "x", "y", "z"),
        *("AA", "BC", "BD", "BI", "BJ"),
        # Quotes.
        *("R", "S", "Z", "a", "b", "i"),
        # Requests for reports.
        *("H", "AF"),
        # Acknowledgements of what is told below, and requests for it.
        *("P", "AL", "AN", "AO", "AT", "AU", "BB"),
    )
)
# Messages that are not read either, but that a person may have to: what each is called, and what
# follows. They speak of orders and trades that the log has in messages of their own.
TOLD: Final[Mapping[str, str]] = {
    "3": "Reject (3) is not read: what it rejects counts as if it had been accepted",
    "j": "BusinessMessageReject (j) is not read: what it rejects counts as if it had been accepted",
    "q": "OrderMassCancelRequest (q) is not read: each order ends with a report of its own",
    "r": "OrderMassCancelReport (r) is not read: each order ends with a report of its own",
    "J": "AllocationInstruction (J) is not read: its fills are not compared",
    "AS": "AllocationReport (AS) is not read: its fills are not compared",
    "AK": "Confirmation (AK) is not read: its amounts are not compared",
    "AM": "PositionMaintenanceReport (AM) is not read: its quantities are not compared",
    "AP": "PositionReport (AP) is not read: its quantities are not compared",
}
