import asyncio
import os

import litellm

litellm.callbacks = ["otel"]
chat = {
    "model": "openai/gpt-4o-mini",
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
    "api_base": os.environ["MODEL_URL"] + "/v1",
    "api_key": "none",
}
anthropic = {**chat, "model": "anthropic/claude-haiku-4-5", "api_base": os.environ["MODEL_URL"], "max_tokens": 100}
streamed = {"stream": True, "stream_options": {"include_usage": True}}


async def main():
    await litellm.acompletion(**chat)
    async for _ in await litellm.acompletion(**chat, **streamed):
        pass
    await litellm.aembedding(
        model="openai/text-embedding-3-small", input=["blue"], api_base=chat["api_base"], api_key="none"
    )
    await litellm.acompletion(**anthropic)
    await litellm.aresponses(
        model="openai/gpt-4o-mini", input="Why is the sky blue?", api_base=chat["api_base"], api_key="none"
    )
    # Callbacks of asynchronous calls run beside the loop.
    await asyncio.sleep(1)


litellm.completion(**chat)
for _ in litellm.completion(**chat, **streamed):
    pass
asyncio.run(main())

from opentelemetry import trace  # noqa: E402

for logger in litellm.logging_callback_manager.get_custom_loggers_for_type(
    litellm.integrations.opentelemetry.OpenTelemetry
):
    provider = getattr(logger, "_tracer_provider", None) or trace.get_tracer_provider()
    provider.force_flush()
trace.get_tracer_provider().force_flush()
