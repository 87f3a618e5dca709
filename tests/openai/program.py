"""An ordinary program: pictures by URL, as bytes, as they come, and edited; and what goes wrong.

Prints one line of JSON for each thing that it got. It says what it wants by its first argument.
"""

import base64
import json
import sys

import openai

MODEL, SIZE = "gpt-image-1", "256x192"
client = openai.OpenAI()


def tell(**fields):
    print(json.dumps(fields), flush=True)


def size(text):
    return len(base64.b64decode(text))


def generate():
    answer = client.images.generate(model=MODEL, prompt="a fox", size=SIZE, n=2, quality="high")
    for image in answer.data:
        tell(url=image.url, bytes=size(image.b64_json), placeholder=image.orbit["placeholder"]["color"])
    answer = client.images.generate(model="dall-e-3", prompt="a hen", size=SIZE, response_format="b64_json")
    tell(url=answer.data[0].url, bytes=size(answer.data[0].b64_json))


def stream():
    events = client.images.generate(model=MODEL, prompt="an owl", size=SIZE, stream=True, partial_images=2)
    for event in events:
        tell(type=event.type, bytes=size(event.b64_json), index=getattr(event, "partial_image_index", None))


def edit(path):
    with open(path, "rb") as picture:
        answer = client.images.edit(model=MODEL, image=picture, prompt="a hat", extra_body={"orbit": {"thread_id": "t"}})
    tell(url=answer.data[0].url, id=answer.data[0].orbit["id"])


def fail():
    for wrong in ({"size": "9x9"}, {"n": 99}):
        try:
            client.images.generate(model=MODEL, prompt="a fox", **wrong)
        except openai.BadRequestError as error:
            tell(status=error.status_code, param=error.param, message=error.message)
    tell(models=[model.id for model in client.models.list()])


{"generate": generate, "stream": stream, "edit": edit, "fail": fail}[sys.argv[1]](*sys.argv[2:])
