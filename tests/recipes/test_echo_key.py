def test_repeats_the_digit(phone):
    call = phone.call("echo_key").press("5")
    assert call.heard("Hello, please press a digit.", "You pressed 5.")
