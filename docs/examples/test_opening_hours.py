def test_tells_callers_when_the_shop_is_open(phone):
    call = phone.call("opening_hours")
    assert call.heard("We are open from nine to five.")
