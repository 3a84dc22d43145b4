import { openLaterPricer } from '../price-later.ts';

// Prices the unpriced events of the database in the environment, as the job does, and ends.

const pricer = openLaterPricer(process.env.DATABASE_URL ?? '', Number(process.env.NOW_MS));
console.log(`priced ${await pricer.price()}`);
await pricer.close();
