import type { FoundUnits } from '../source/decoded-counts.ts';
import { type FoundCount, type Source, toFields, toText } from '../source/read-count.ts';

/** What the tools of an answer of OpenAI's Responses did, as far as it is billed by the call. */
interface ToolCalls {
  webSearches: FoundCount;
  units: FoundUnits;
}

/**
 * Responses does not count its billed tool calls: each is an item of the output. Of web searches
 * only the action `search` is billed; code interpreters are billed by the container.
 */
export function countToolCalls({ body, path }: Source): ToolCalls {
  const output: unknown = body?.output;
  const none = { value: 0, path, given: false };
  if (!Array.isArray(output)) return { webSearches: none, units: {} };
  let web = 0;
  let files = 0;
  const containers = new Set<string>();
  for (const item of output) {
    const fields = toFields(item);
    const action = toFields(fields?.action);
    if (fields?.type === 'web_search_call' && (!action || action.type === 'search')) web++;
    else if (fields?.type === 'file_search_call') files++;
    else if (fields?.type === 'code_interpreter_call') containers.add(toText(fields.container_id) ?? '');
  }
  const count = (value: number): FoundCount => ({ value, path, given: value > 0 });
  return {
    webSearches: count(web),
    units: { storage_searches: count(files), code_interpreter_sessions: count(containers.size) },
  };
}
