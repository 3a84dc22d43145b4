/** What every subscriber of the bench asks, on both servers. */
export const QUERY = 'subscription { events { id event createdAt data } }';
