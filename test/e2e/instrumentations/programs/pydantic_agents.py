import asyncio
import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
Agent.instrument_all()

openai = OpenAIProvider(base_url=os.environ["MODEL_URL"] + "/v1", api_key="none")
anthropic = AnthropicProvider(base_url=os.environ["MODEL_URL"], api_key="none")


async def main():
    models = [
        OpenAIChatModel("gpt-4o-mini", provider=openai),
        OpenAIResponsesModel("gpt-4o-mini", provider=openai),
        AnthropicModel("claude-haiku-4-5", provider=anthropic),
    ]
    for model in models:
        await Agent(model).run("Why is the sky blue?")
        async with Agent(model).run_stream("Why is the sky blue?") as result:
            await result.get_output()


asyncio.run(main())
provider.shutdown()
