import { openCaller } from './http-caller.ts';
import type { Target } from './shoot.ts';
import { OPERATOR_KEY } from './start-meterr.ts';

/**
 * An organization of its own on the same server, without plan limits unless its plan has one: what
 * a row does to it, no other row meets.
 */
export async function createOrganization(target: Target, name: string, plan = 'enterprise'): Promise<Target> {
  const operator = await openCaller({ port: target.port, key: OPERATOR_KEY });
  try {
    const { body } = await operator.call('POST', '/v1/organizations', { name, plan });
    const { api_key: key } = JSON.parse(body) as { api_key: { secret: string } };
    return { ...target, name, key: key.secret };
  } finally {
    operator.close();
  }
}
