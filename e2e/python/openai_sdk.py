"""The official OpenAI SDK as a client of the gateway.

    OPENAI_BASE_URL=… OPENAI_API_KEY=… openai_sdk.py SCENARIO [ARGUMENT…]

Ends with 0 when the SDK got what the scripted upstream behind the gateway answers. Models: `my-model` everywhere.
"""

import base64
import json
import struct
import sys

import openai
from openai import OpenAI

MODEL = "my-model"
UPSTREAM_MODEL = "gpt-4o-mini"
PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOL = {
    "type": "function",
    "function": {
        "name": "echo",
        "parameters": {"type": "object", "properties": {"echo": {"type": "string"}}},
    },
}

client = OpenAI(max_retries=0, timeout=30)


def user(content):
    return [{"role": "user", "content": content}]


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=user("hello there"))
    equal(answer.choices[0].message.content, "You said: hello there")
    equal(answer.choices[0].finish_reason, "stop")
    equal(answer.model, MODEL)
    equal(answer.usage.total_tokens, 6)

    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user("hello"))
    assert raw.headers["x-aisix-request-id"], raw.headers
    assert raw.headers["server"].startswith("AISIX/"), raw.headers


def chat_stream():
    chunks = list(client.chat.completions.create(model=MODEL, messages=user("hello there"), stream=True))
    equal("".join(c.choices[0].delta.content or "" for c in chunks), "You said: hello there")
    equal({c.model for c in chunks}, {MODEL})
    equal(chunks[-1].choices[0].finish_reason, "stop")
    equal([c.usage for c in chunks if c.usage], [])

    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=MODEL, messages=user("a b"), stream=True, stream_options=options))
    equal(chunks[-1].choices, [])
    equal(chunks[-1].usage.total_tokens, 6)

    with client.chat.completions.stream(model=MODEL, messages=user("hello")) as stream:
        stream.until_done()
        equal(stream.get_final_completion().choices[0].message.content, "You said: hello")


def tools():
    answer = client.chat.completions.create(model=MODEL, messages=user("hello"), tools=[TOOL])
    call = answer.choices[0].message.tool_calls[0]
    equal((call.function.name, json.loads(call.function.arguments)), ("echo", {"echo": "hello"}))
    equal(answer.choices[0].finish_reason, "tool_calls")

    chunks = list(client.chat.completions.create(model=MODEL, messages=user("hello"), tools=[TOOL], stream=True))
    calls = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or []]
    equal((calls[0].id, calls[0].function.name), (call.id, "echo"))
    equal(json.loads("".join(c.function.arguments for c in calls)), {"echo": "hello"})

    turns = user("hello") + [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "42"}]
    equal(client.chat.completions.create(model=MODEL, messages=turns, tools=[TOOL]).choices[0].message.content, "You said: 42")


def json_mode():
    answer = client.chat.completions.create(model=MODEL, messages=user("hello"), response_format={"type": "json_object"})
    equal(json.loads(answer.choices[0].message.content), {"echo": "hello"})

    from pydantic import BaseModel

    class Echo(BaseModel):
        echo: str

    answer = client.chat.completions.parse(model=MODEL, messages=user("hello"), response_format=Echo)
    equal(answer.choices[0].message.parsed, Echo(echo="hello"))


def vision():
    parts = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = client.chat.completions.create(model=MODEL, messages=user(parts))
    equal(answer.choices[0].message.content, "You said: what is this [image_url]")


def embeddings():
    # The SDK asks for base64 unless told otherwise, and decodes it.
    answer = client.embeddings.create(model=MODEL, input=["a", "bcd"], dimensions=3)
    equal([item.embedding for item in answer.data], [[3.0, 4.0, 5.0], [5.0, 6.0, 7.0]])
    equal((answer.model, answer.usage.total_tokens), (MODEL, 2))

    plain = client.embeddings.create(model=MODEL, input=["a"], dimensions=2, encoding_format="float")
    equal(plain.data[0].embedding, [3.0, 4.0])
    encoded = client.embeddings.create(model=MODEL, input=["a"], dimensions=2, encoding_format="base64")
    equal(struct.unpack("<2f", base64.b64decode(encoded.data[0].embedding)), (3.0, 4.0))
    client.embeddings.create(model=MODEL, input=[[1, 2, 3]])


def completions():
    answer = client.completions.create(model=MODEL, prompt="hello there")
    equal((answer.choices[0].text, answer.model), ("You said: hello there", MODEL))
    chunks = list(client.completions.create(model=MODEL, prompt="hello there", stream=True))
    equal("".join(c.choices[0].text for c in chunks), "You said: hello there")
    equal({c.model for c in chunks}, {MODEL})


def responses():
    answer = client.responses.create(model=MODEL, input="hello there")
    equal((answer.output_text, answer.model), ("You said: hello there", MODEL))
    equal(answer.usage.total_tokens, 6)

    events = list(client.responses.create(model=MODEL, input="hello there", stream=True))
    equal("".join(e.delta for e in events if e.type == "response.output_text.delta"), "You said: hello there")
    equal(events[-1].type, "response.completed")
    equal({e.response.model for e in events if hasattr(e, "response")}, {MODEL})
    with client.responses.stream(model=MODEL, input="hello") as stream:
        equal(stream.get_final_response().output_text, "You said: hello")


def models():
    equal([m.id for m in client.models.list()], [MODEL])
    equal(client.models.retrieve(MODEL).id, MODEL)
    equal(client.models.retrieve(MODEL).object, "model")


def audio():
    sound = ("speech.mp3", b"\xff\xfb\x90\x00" * 100, "audio/mpeg")
    answer = client.audio.transcriptions.create(model=MODEL, file=sound)
    equal(answer.text, f"400 bytes for {UPSTREAM_MODEL}")
    text = client.audio.transcriptions.create(model=MODEL, file=sound, response_format="text")
    equal(text, f"400 bytes for {UPSTREAM_MODEL}\n")
    equal(client.audio.translations.create(model=MODEL, file=sound).text, f"400 bytes for {UPSTREAM_MODEL}")
    spoken = client.audio.speech.create(model=MODEL, voice="alloy", input="hello")
    assert spoken.content.endswith(b"hello") and spoken.content.startswith(b"ID3"), spoken.content


def images():
    answer = client.images.generate(model=MODEL, prompt="a pixel")
    equal(base64.b64decode(answer.data[0].b64_json), b"\x89PNG\r\n\x1a\n")
    picture = ("pixel.png", bytes(range(256)), "image/png")
    answer = client.images.edit(model=MODEL, image=picture, prompt="the same")
    equal(base64.b64decode(answer.data[0].b64_json), bytes(range(256)))


def moderations():
    answer = client.moderations.create(model=MODEL, input="no harm meant")
    equal((answer.results[0].flagged, answer.model), (True, MODEL))


def raises(*aliases):
    """Every alias is named after the exception that its upstream's answer must become."""
    for alias in aliases:
        try:
            client.chat.completions.create(model=alias, messages=user("hello"))
        except openai.OpenAIError as error:
            equal(type(error).__name__, alias)
        else:
            raise AssertionError(f"{alias} was not raised")


def refusals():
    """What the gateway itself refuses."""
    stranger = client.with_options(api_key="sk-not-a-key-of-this-gateway")
    for call, expected, code in [
        (lambda: stranger.models.list(), openai.AuthenticationError, "invalid_api_key"),
        (lambda: client.chat.completions.create(model="unknown", messages=user("x")), openai.NotFoundError, "model_not_found"),
        (lambda: client.chat.completions.create(model="not-allowed", messages=user("x")), openai.PermissionDeniedError, "model_not_allowed"),
        (lambda: client.models.retrieve("unknown"), openai.NotFoundError, "model_not_found"),
        (lambda: client.post("/chat/completions", cast_to=object, body=[1]), openai.BadRequestError, None),
        (lambda: client.get("/no/such/route", cast_to=object), openai.NotFoundError, None),
    ]:
        try:
            call()
        except openai.APIStatusError as error:
            equal(type(error), expected)
            assert code is None or error.code == code, error.body
            assert error.message and error.request_id, error.response.headers
        else:
            raise AssertionError(f"{expected} was not raised")


def broken_stream():
    """A stream that breaks off raises; it never looks finished."""
    received = []
    try:
        for chunk in client.chat.completions.create(model=MODEL, messages=user("one two three"), stream=True):
            received.append(chunk)
    except openai.APIError:
        assert received, "what came before the break is lost"
    else:
        raise AssertionError("the broken stream looked finished")


if __name__ == "__main__":
    scenario, *arguments = sys.argv[1:]
    globals()[scenario](*arguments)
