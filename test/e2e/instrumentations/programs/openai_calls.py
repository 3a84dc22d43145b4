"""The calls that both instrumentations of OpenAI's library trace. Exports as the README says."""

import os

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def make_provider():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def call_all():
    client = openai.OpenAI(base_url=os.environ["MODEL_URL"] + "/v1", api_key="none")
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    chat = {"model": "gpt-4o-mini", "messages": messages}
    client.chat.completions.create(**chat)
    told = client.chat.completions.create(**chat, stream=True, stream_options={"include_usage": True})
    for _ in told:
        pass
    for _ in client.chat.completions.create(**chat, stream=True):
        pass
    client.responses.create(model="gpt-4o-mini", input="Why is the sky blue?")
    client.embeddings.create(model="text-embedding-3-small", input="blue", encoding_format="float")
