#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A chat server on Mojolicious: chat.pl PORT IDLE_SECONDS MAX_SIZE

use Mojolicious::Lite -signatures;

my ($port, $idle, $max_size) = @ARGV;

websocket '/*room' => sub ($c) {
  $c->inactivity_timeout($idle);
  $c->tx->max_websocket_size($max_size);
  $c->on(message => sub ($c, $text) { $c->send('{"type":"said"}') });
  $c->send('{"type":"welcome"}');
};

app->log->level('error');
app->start('daemon', '-l', "http://0.0.0.0:$port");
