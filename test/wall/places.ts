import type { MemberRoleName } from '../../src/domain/access/roles.ts';
import { MEMBER_ROLES, ROLE_SCOPES } from '../../src/domain/access/roles.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { newUuid } from '../../src/platform/ids.ts';
import type { TestApp } from '../harness/app.ts';
import { type MadeOrganization, type MadeTeam, makeKey, makeOrganization, makeTeam } from '../harness/make.ts';

/** Where an object is: in a team of an organization, or in none of its teams. */
export interface Place {
  organization: MadeOrganization;
  team: MadeTeam | null;
  /** What every text of the place's objects contains, and no answer to others may. */
  mark: string;
}

/** A key of the organization that asks. */
export interface AskingKey {
  name: string;
  secret: string;
  isBound: boolean;
  /** Whether it asks for what each place hides; the others ask for one place on each side of a wall. */
  asksAll: boolean;
}

/** Both sides of the wall. */
export interface World {
  /** The other organization, and the places in it. */
  theirs: MadeOrganization;
  theirPlaces: readonly Place[];
  /** The organization that asks; its first team is the one that keys are bound to. */
  ours: MadeOrganization;
  own: Place;
  /** Hidden from the keys that are bound to the first team. */
  otherPlaces: readonly Place[];
  keys: readonly AskingKey[];
}

const CREDITS = '1000000';
let places = 0;

async function makePlace(meterr: TestApp, organization: MadeOrganization, hasTeam: boolean): Promise<Place> {
  const mark = `mark-${++places}-`;
  const team = hasTeam ? await makeTeam(meterr, organization, { name: `${mark}team` }) : null;
  return { organization, team, mark };
}

async function makePrepaid(meterr: TestApp, name: string): Promise<MadeOrganization> {
  const organization = await makeOrganization(meterr, { name, credits: 'prepaid' });
  await meterr.ok('POST', '/v1/credits/grants', { key: organization.key.secret, body: { amount: CREDITS } });
  return organization;
}

/** A place in a new organization, so that what is done to its objects disturbs nothing. */
export async function makeFreshPlace(meterr: TestApp): Promise<Place> {
  return makePlace(meterr, await makePrepaid(meterr, 'Fresh'), true);
}

async function makeMemberKey(meterr: TestApp, { organization, team }: Place, role: MemberRoleName): Promise<string> {
  const key = await makeKey(meterr, organization, { scopes: ROLE_SCOPES[role], team });
  const memberId = newUuid();
  await meterr.sql.query(
    'INSERT INTO members (id, organization_id, team_id, email, name, role) VALUES ($1, $2, $3, $4, $5, $6)',
    [memberId, organization.uuid, team?.uuid, `${role}@keys.example.com`, role, role],
  );
  await meterr.sql.query('UPDATE api_keys SET member_id = $2 WHERE id = $1', [key.uuid, memberId]);
  return key.secret;
}

/**
 * Every kind of key: all scopes, none, each one alone and each one missing, those of a team with and
 * without `admin`, and those of a member of each role.
 */
async function makeKeys(meterr: TestApp, own: Place): Promise<AskingKey[]> {
  const { organization, team } = own;
  const scopes = SCOPES.filter((scope) => scope !== 'admin');
  const unbound = [
    { name: 'admin', scopes: ['admin'] as const, asksAll: true },
    { name: 'every scope but admin', scopes, asksAll: true },
    { name: 'no scope', scopes: [], asksAll: false },
    ...scopes.map((scope) => ({ name: `only ${scope}`, scopes: [scope], asksAll: false })),
    ...scopes.map((left) => ({
      name: `all but ${left}`,
      scopes: scopes.filter((scope) => scope !== left),
      asksAll: false,
    })),
  ];
  const made = [...unbound, ...unbound.slice(0, 3 + scopes.length)].map(async ({ name, scopes: held, asksAll }, i) => {
    const isBound = i >= unbound.length;
    const { secret } = await makeKey(meterr, organization, { scopes: held, team: isBound ? team : null });
    return { name: isBound ? `of a team, ${name}` : name, secret, isBound, asksAll };
  });
  const members = MEMBER_ROLES.map(async (role) => {
    const secret = await makeMemberKey(meterr, own, role);
    return { name: `of a member: ${role}`, secret, isBound: true, asksAll: true };
  });
  return Promise.all([...made, ...members]);
}

/** Makes two organizations with teams, and the keys of the one that asks. */
export async function makeWorld(meterr: TestApp): Promise<World> {
  const theirs = await makePrepaid(meterr, 'mark-0-theirs');
  const ours = await makePrepaid(meterr, 'Ours');
  const theirPlaces = [await makePlace(meterr, theirs, true), await makePlace(meterr, theirs, false)];
  const own = await makePlace(meterr, ours, true);
  const otherPlaces = [await makePlace(meterr, ours, true), await makePlace(meterr, ours, false)];
  return { theirs, theirPlaces, ours, own, otherPlaces, keys: await makeKeys(meterr, own) };
}
