// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A chat server on an embedded Tomcat, run as a source file: Chat.java PORT IDLE_MS MAX_SIZE.
// The message {"how":"exit"} makes it call System.exit(0).

import jakarta.websocket.*;
import jakarta.websocket.server.*;
import java.io.File;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.websocket.server.WsSci;

public class Chat {
    static long idleMs;
    static int maxSize;

    public static class Room extends Endpoint implements MessageHandler.Whole<String> {
        private Session session;

        @Override
        public void onOpen(Session session, EndpointConfig config) {
            this.session = session;
            session.setMaxIdleTimeout(idleMs);
            session.setMaxTextMessageBufferSize(maxSize);
            session.addMessageHandler(this);
            send("{\"type\":\"welcome\"}");
        }

        // Not the remote that sends later: it refuses a message while the one before is on its way.
        private void send(String text) {
            try {
                session.getBasicRemote().sendText(text);
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        }

        @Override
        public void onMessage(String text) {
            if (text.contains("\"how\":\"exit\"")) {
                System.exit(0);
            }
            send("{\"type\":\"said\"}");
        }
    }

    public static class Config implements ServerApplicationConfig {
        @Override
        public java.util.Set<ServerEndpointConfig> getEndpointConfigs(
                java.util.Set<Class<? extends Endpoint>> found) {
            return java.util.Set.of(
                    ServerEndpointConfig.Builder.create(Room.class, "/lab/{row}/{number}").build());
        }

        @Override
        public java.util.Set<Class<?>> getAnnotatedEndpointClasses(java.util.Set<Class<?>> found) {
            return java.util.Set.of();
        }
    }

    public static void main(String[] args) throws Exception {
        idleMs = Long.parseLong(args[1]);
        maxSize = Integer.parseInt(args[2]);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(new File("tomcat").getAbsolutePath());
        tomcat.setPort(Integer.parseInt(args[0]));
        tomcat.getConnector();
        Context context = tomcat.addContext("", new File(".").getAbsolutePath());
        context.addServletContainerInitializer(new WsSci(), java.util.Set.of(Config.class));
        Tomcat.addServlet(context, "default", new org.apache.catalina.servlets.DefaultServlet());
        context.addServletMappingDecoded("/", "default");
        tomcat.start();
        tomcat.getServer().await();
    }
}
