package interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.FormBody;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/** HTTP with a token of one role. OkHttp adds {@code ; charset=utf-8} to the type of every text body. */
final class Api {
    static final MediaType JSON = MediaType.get("application/json");
    static final MediaType JOSE = MediaType.get("application/jose");
    static final MediaType MERGE_PATCH = MediaType.get("application/merge-patch+json");

    private final Sandbox sandbox;
    private final String role;
    private final OkHttpClient http;
    private String token;
    private Instant expires = Instant.MIN;

    Api(Sandbox sandbox, String role) throws Exception {
        this.sandbox = sandbox;
        this.role = role;
        this.http = http(sandbox);
    }

    /** An answer, read to its end. */
    record Answer(int status, String type, String body) {
        JsonNode json() throws IOException {
            return Sandbox.JSON.readTree(body);
        }

        /** The body, if the status is the expected one. */
        Answer expect(int expected, String what) {
            if (status != expected) {
                throw new AssertionError(what + ": expected " + expected + ", got " + status + ": " + body);
            }
            return this;
        }

        /** A problem document with this status. */
        JsonNode refused(int expected, String what) throws IOException {
            expect(expected, what);
            if (type == null || !type.startsWith("application/problem+json")) {
                throw new AssertionError(what + ": the problem is of type " + type);
            }
            for (String member : new String[] {"type", "title", "detail"}) {
                if (!json().path(member).isTextual()) {
                    throw new AssertionError(what + ": the problem has no " + member);
                }
            }
            return json();
        }
    }

    Answer get(String url) throws IOException {
        return send(authorized(url).get());
    }

    Answer getWithoutToken(String url) throws IOException {
        return send(new Request.Builder().url(url).get());
    }

    Answer send(String method, String url, MediaType type, String body) throws IOException {
        return send(authorized(url).method(method, RequestBody.create(body, type)));
    }

    private Request.Builder authorized(String url) throws IOException {
        return new Request.Builder().url(url).header("Authorization", "Bearer " + token());
    }

    private Answer send(Request.Builder request) throws IOException {
        try (Response answer = http.newCall(request.build()).execute()) {
            return new Answer(answer.code(), answer.header("Content-Type"), answer.body().string());
        }
    }

    private synchronized String token() throws IOException {
        if (Instant.now().isAfter(expires)) {
            JsonNode client = sandbox.client(role);
            RequestBody form = new FormBody.Builder()
                    .add("grant_type", "client_credentials")
                    .add("client_id", client.required("clientId").asText())
                    .add("client_secret", client.required("clientSecret").asText())
                    .build();
            JsonNode answer = send(new Request.Builder().url(sandbox.text("tokenUrl")).post(form))
                    .expect(200, "token")
                    .json();
            token = answer.required("access_token").asText();
            expires = Instant.now().plusSeconds(answer.required("expires_in").asLong() - 30);
        }
        return token;
    }

    private static OkHttpClient http(Sandbox sandbox) throws Exception {
        OkHttpClient.Builder http = new OkHttpClient.Builder()
                .callTimeout(Duration.ofSeconds(60))
                .followRedirects(false);
        if (sandbox.caFile() != null) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            try (InputStream pem = Files.newInputStream(sandbox.caFile())) {
                store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext tls = SSLContext.getInstance("TLS");
            tls.init(null, trust.getTrustManagers(), null);
            http.sslSocketFactory(tls.getSocketFactory(), (X509TrustManager) trust.getTrustManagers()[0]);
        }
        return http.build();
    }
}
