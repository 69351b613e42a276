// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

// A GraphQL server on graphql-ws (subprotocol graphql-transport-ws): usage: graphql.js '{"port":N, ...}'

const { GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
const { useServer } = require('graphql-ws/lib/use/ws');
const { WebSocketServer } = require('ws');

const { port, ...options } = JSON.parse(process.argv[2]);
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: { hello: { type: GraphQLString, resolve: () => 'hello' } },
  }),
});
const server = new WebSocketServer({ port });
useServer({ schema, ...options }, server);
server.on('listening', () => process.stdout.write(`listening on ${port}\n`));
