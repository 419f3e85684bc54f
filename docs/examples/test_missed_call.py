"""Hanging up while it rings is a missed call."""


def test_a_missed_call_is_mailed(phone):
    phone.callee().rings()
    phone.call("reception").hang_up()
    assert [mail.subject for mail in phone.mails] == ["Missed call from 447700900123"]
