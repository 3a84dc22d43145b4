from openai_calls import call_all, make_provider
from openinference.instrumentation.openai import OpenAIInstrumentor

provider = make_provider()
OpenAIInstrumentor().instrument(tracer_provider=provider)
call_all()
provider.shutdown()
