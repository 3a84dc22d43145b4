/** Deliveries on their way at a time, in all and of one organization. */
const MAX_IN_FLIGHT = 1_000;
const MAX_IN_FLIGHT_OF_ONE = 100;

/** How many deliveries are on their way: no organization's receivers can take the room of all others. */
export interface InFlightLimits {
  total(): number;
  hasRoom(organizationId: string): boolean;
  begin(organizationId: string): void;
  end(organizationId: string): void;
}

export function createInFlightLimits(): InFlightLimits {
  const byOrganization = new Map<string, number>();
  let total = 0;
  const of = (organizationId: string) => byOrganization.get(organizationId) ?? 0;
  return {
    total: () => total,
    hasRoom: (organizationId) => total < MAX_IN_FLIGHT && of(organizationId) < MAX_IN_FLIGHT_OF_ONE,
    begin(organizationId) {
      total++;
      byOrganization.set(organizationId, of(organizationId) + 1);
    },
    end(organizationId) {
      total--;
      const left = of(organizationId) - 1;
      if (left > 0) byOrganization.set(organizationId, left);
      else byOrganization.delete(organizationId);
    },
  };
}
