import { defineConfig } from 'prisma/config';

// Every Prisma command wants a schema-engine binary from a host that many networks block. `generate`, `format` and
// `validate` never run it, so any program will do; the migrations of `npm start` use the engine's WebAssembly build.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // For `prisma migrate deploy`, which needs the real engine.
  ...(process.env.DATABASE_URL ? { datasource: { url: process.env.DATABASE_URL } } : {}),
});
