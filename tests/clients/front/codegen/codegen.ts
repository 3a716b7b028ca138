import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['dashboard.ts'],
  generates: {
    './generated/': {
      preset: 'client',
      presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        strictScalars: true,
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: {
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          LocalTime: 'string',
          Long: 'number',
          Month: 'string',
          TimeZone: 'string',
          URL: 'string',
        },
      },
    },
  },
};

export default config;
