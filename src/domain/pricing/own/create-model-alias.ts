import { AppError, type FieldProblem, invalidRequest } from '../../../platform/errors.ts';
import { formatId, newUuid } from '../../../platform/ids.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import { checkText } from '../../input/check-text.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { changeOwnPrices, requirePriceWrites } from './change-own-prices.ts';
import { ALIAS_LIMITS, auditAlias, type ModelAlias } from './model-alias.ts';

export interface AliasInput {
  provider: string;
  /** As events name it. */
  model: string;
  /** By default the same provider. */
  targetProvider?: string | null;
  targetModel: string;
}

type Names = Pick<ModelAlias, 'provider' | 'model' | 'targetProvider' | 'targetModel'>;

function readNames(input: AliasInput): Names {
  const problems: FieldProblem[] = [];
  const read = (path: keyof Names, name: string, max: number) => {
    const folded = foldName(name);
    checkText(problems, path, folded, max);
    return folded;
  };
  const provider = read('provider', input.provider, USAGE_LIMITS.provider);
  const model = read('model', input.model, USAGE_LIMITS.model);
  const target = read('targetProvider', input.targetProvider ?? input.provider, USAGE_LIMITS.provider);
  const targetModel = read('targetModel', input.targetModel, USAGE_LIMITS.model);
  const names = {
    provider: normalizeProvider(provider),
    model,
    targetProvider: normalizeProvider(target),
    targetModel,
  };
  const isItself = names.provider === names.targetProvider && model === targetModel;
  if (isItself && problems.length === 0) problems.push({ path: 'targetModel', message: 'must be another model' });
  if (problems.length > 0) throw invalidRequest(problems);
  return names;
}

async function requireFree(sql: Sql, organizationId: string, { provider, model }: Names): Promise<void> {
  const { rows } = await sql.query<{ id: string }>(
    'SELECT id FROM model_aliases WHERE organization_id = $1 AND provider = $2 AND model = $3',
    [organizationId, provider, model],
  );
  if (rows[0]) {
    const id = formatId('modelAlias', rows[0].id);
    throw new AppError('conflict', `This model has an alias already: ${id}. Delete it first.`);
  }
  const counted = await sql.query<{ count: number }>('SELECT count(*) FROM model_aliases WHERE organization_id = $1', [
    organizationId,
  ]);
  if ((counted.rows[0]?.count ?? 0) < ALIAS_LIMITS.aliases) return;
  throw new AppError('conflict', `An organization has at most ${ALIAS_LIMITS.aliases} aliases of models.`);
}

/**
 * Lets the price of a model be looked up under another name. Events keep their model.
 * @throws AppError invalid_request, conflict (the model has an alias, too many aliases),
 * insufficient_permissions
 */
export async function createModelAlias(context: Context, input: AliasInput): Promise<ModelAlias> {
  const { caller, resources } = context;
  requirePriceWrites(caller);
  const names = readNames(input);
  const organizationId = caller.organization.id;
  return changeOwnPrices(context, async (sql) => {
    await requireFree(sql, organizationId, names);
    const atMs = resources.clock();
    const alias: ModelAlias = { organizationId, id: newUuid(atMs), ...names, createdAt: new Date(atMs) };
    await sql.query(
      `INSERT INTO model_aliases (organization_id, id, provider, model, target_provider, target_model, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [organizationId, alias.id, names.provider, names.model, names.targetProvider, names.targetModel, alias.createdAt],
    );
    const change = { action: 'model_alias.created', targetId: formatId('modelAlias', alias.id), atMs };
    await recordAudit(sql, context, { ...change, before: null, after: auditAlias(alias) });
    return { made: alias, isChanged: true };
  });
}
