import { describe, expect, it } from 'vitest';
import type { UsageEventAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

interface Answered extends UsageEventAnswer {
  response_id: string | null;
  served_model: string | null;
  warnings: string[];
  cost_breakdown: { unit: string; model: string | null; quantity: number; unit_price: string; amount: string }[];
}

async function record(body: object): Promise<Answered> {
  const { key } = await makeOrganization(meterr());
  return meterr().ok<Answered>('POST', '/v1/usage', { body, key: key.secret });
}

const BODY = {
  id: 'chatcmpl-E1x',
  model: 'gpt-4o-2024-08-06',
  usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 },
};

describe('the answer of a provider', () => {
  it('gives the price by the model that it names, where the one asked for has none', async () => {
    expect(await record({ provider: 'azure', model: 'prod-chat-eu', usage: BODY })).toMatchObject({
      model: 'prod-chat-eu',
      served_model: 'gpt-4o-2024-08-06',
      response_id: 'chatcmpl-E1x',
      cost: '0.0075',
      unpriced_reason: null,
    });
  });

  it('names no served model where it is the event’s own', async () => {
    const event = await record({ provider: 'openai', usage: BODY });
    expect(event).toMatchObject({ model: 'gpt-4o-2024-08-06', served_model: null, response_id: 'chatcmpl-E1x' });
  });

  it('gives way to a response id that the caller states', async () => {
    const event = await record({ provider: 'openai', usage: BODY, response_id: 'mine' });
    expect(event.response_id).toBe('mine');
  });

  it('that names what cannot be stored is recorded without it', async () => {
    const usage = { ...BODY, id: `chatcmpl-a${'x'.repeat(300)}`, model: 'gpt\0' };
    const event = await record({ provider: 'openai', model: 'gpt-4o', usage });
    expect(event).toMatchObject({ cost: '0.0075', served_model: null, response_id: null });
  });

  it('of two models is charged by the prices of both, each line with its model', async () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 500,
      cache_read_input_tokens: 2_000,
      cache_creation_input_tokens: 0,
      iterations: [
        { type: 'message', input_tokens: 10, output_tokens: 500, cache_read_input_tokens: 2_000 },
        { type: 'advisor_message', model: 'claude-opus-4-7', input_tokens: 10_000, output_tokens: 800 },
      ],
    };
    const event = await record({ provider: 'anthropic', model: 'claude-sonnet-4-6', usage });
    expect(event).toMatchObject({ cost: '0.07813', input_tokens: 2_010, output_tokens: 500 });
    expect(event.cost_breakdown.map(({ unit, model, amount }) => [unit, model, amount])).toEqual([
      ['input_tokens', null, '0.00003'],
      ['cache_read_tokens', null, '0.0006'],
      ['output_tokens', null, '0.0075'],
      ['input_tokens', 'claude-opus-4-7', '0.05'],
      ['output_tokens', 'claude-opus-4-7', '0.02'],
    ]);
  });
});
