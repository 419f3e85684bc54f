def test_without_the_customer_database_nothing_is_canceled(phone):
    call = phone.call("cancel").press("4711#").press("9182#")
    assert call.heard("customer number", "your PIN", "Please call again later")
