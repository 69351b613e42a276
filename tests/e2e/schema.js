// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// The JSON Schema of the lines, as a function line -> list of errors.

const fs = require('fs');
const path = require('path');

const NAME = 'wstrace.v1.schema.json';
const PLACES = ['tests/schema', 'user/output', 'user/output/schema', 'user', 'tests'];

function findSchema(root) {
  const file = PLACES.map((place) => path.join(root, place, NAME)).find((f) => fs.existsSync(f));
  if (!file) {
    throw new Error(`no ${NAME} in ${PLACES.join(', ')}`);
  }
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

function compileSchema(root) {
  const Ajv = require('ajv/dist/2020');
  const addFormats = require('ajv-formats');
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats(ajv);
  const validate = ajv.compile(findSchema(root));
  return (line) => (validate(line) ? [] : validate.errors.map((error) => (
    `${error.instancePath || '/'} ${error.message} ${JSON.stringify(error.params)}`)));
}

module.exports = { compileSchema };
