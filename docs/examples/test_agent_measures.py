def test_the_agent_greets_at_once(phone):
    phone.agent().says("Hello, how can I help?")
    call = phone.call("agent").speak("I have a question")
    assert call.agent.first_audio == 0
    assert call.agent.turns[-1].talked_over > 0
    assert call.press("5").agent.keys == ["5"]


def test_a_person_answers_if_the_agent_does_not(phone):
    phone.agent().refuses()
    phone.callee().answers(says="Reception")
    assert phone.call("agent").heard("putting you through", "Reception")
