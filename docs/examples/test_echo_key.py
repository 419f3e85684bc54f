def test_a_key_is_said_back(phone):
    call = phone.call("echo_key").press("5")
    assert call.heard("Hello, please press a key.", "You pressed 5.")
