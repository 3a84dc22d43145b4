import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { introspectionFromSchema } from 'graphql';
import { schema } from '../src/graphql/schema.ts';

// The schema as a type, which gql.tada types the REST door's documents by. Only `tsc` reads it.

const FILE = join(import.meta.dirname, '../prisma/generated/introspection.d.ts');

const introspection = minifyIntrospection(introspectionFromSchema(schema));
await writeFile(FILE, outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true }));
