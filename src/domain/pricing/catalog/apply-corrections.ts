import { compileGuardedRule, listExactNames } from '../book/match-rule.ts';
import { correctSheets } from './correct-sheets.ts';
import type { Correction } from './read-corrections.ts';
import { type CombinedModel, withEnds } from './sheets/combined-model.ts';
import type { Sources } from './sources.ts';

const WILDCARD = '*';

function isTaken({ model, match }: CombinedModel, name: string): boolean {
  return listExactNames(match).includes(name) || compileGuardedRule(match, model)(name);
}

/** The models that a line is for; one that only a rule takes becomes a model of its own. */
function findModels(models: CombinedModel[], { provider, models: names }: Correction): CombinedModel[] {
  const found = new Set<CombinedModel>();
  for (const name of names) {
    if (name.endsWith(WILDCARD)) {
      const start = name.slice(0, -WILDCARD.length);
      for (const one of models) if (one.provider === provider && one.model.startsWith(start)) found.add(one);
      continue;
    }
    const own = models.find((one) => one.provider === provider && one.model === name);
    if (own) {
      found.add(own);
      continue;
    }
    const at = models.findIndex((one) => one.provider === provider && isTaken(one, name));
    const taken = models[at];
    const split: CombinedModel = {
      provider,
      model: name,
      match: { equals: name },
      sheets: taken ? [...taken.sheets] : [],
      stated: taken ? taken.stated : { genai: null, litellm: null },
    };
    // Before the rule that takes it.
    models.splice(taken ? at : models.length, 0, split);
    found.add(split);
  }
  return [...found];
}

/**
 * Applies the lines in the order of the file. The first whole sheet for a model, tier and region
 * removes what the sources say of it; those after it stand beside it.
 */
export function applyCorrections(
  combined: readonly CombinedModel[],
  sources: Sources & { atMs: number },
): CombinedModel[] {
  const models = [...combined];
  const replaced = new Set<string>();
  for (const correction of sources.corrections) {
    for (const model of findModels(models, correction)) {
      const key = JSON.stringify([model.provider, model.model, correction.serviceTier, correction.region]);
      const isFirst = correction.change.kind === 'sheet' && !replaced.has(key);
      if (isFirst) replaced.add(key);
      model.sheets = withEnds(correctSheets(model, correction, { ...sources, isFirst }));
    }
  }
  return models.filter(({ sheets }) => sheets.length > 0);
}
