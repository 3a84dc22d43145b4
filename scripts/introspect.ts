import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { introspectionFromSchema } from 'graphql';
import { schema } from '../src/graphql/schema.ts';

// Writes the GraphQL schema as a type, from which gql.tada derives the types of the documents of
// REST. Only `tsc` reads the file.

const FILE = join(import.meta.dirname, '../prisma/generated/introspection.d.ts');

const introspection = minifyIntrospection(introspectionFromSchema(schema));
await writeFile(FILE, outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true }));
