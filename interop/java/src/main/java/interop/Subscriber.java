package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.RSAKey;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** A specialist procedure with one destination. */
final class Subscriber {
    private final Sandbox sandbox;
    private final String version;
    private final Sandbox.Destination destination;
    final Api api;

    Subscriber(Sandbox sandbox, String version, Sandbox.Destination destination) throws Exception {
        this.sandbox = sandbox;
        this.version = version;
        this.destination = destination;
        this.api = new Api(sandbox, "subscriber");
    }

    String url(String path) {
        return sandbox.text("submissionApiUrl") + "/" + version + path;
    }

    /** A submission, fetched, checked against the log and opened. */
    record Received(JsonNode submission, JsonNode metadata, byte[] data, List<byte[]> files, ObjectNode tags) {
        String id() {
            return submission.required("submissionId").asText();
        }

        String caseId() {
            return submission.required("caseId").asText();
        }
    }

    List<String> waiting() throws Exception {
        String query = "/submissions?destinationId=" + destination.id() + "&offset=0&limit=500";
        List<String> ids = new ArrayList<>();
        api.get(url(query)).expect(200, "list").json().required("submissions")
                .forEach(entry -> ids.add(entry.required("submissionId").asText()));
        return ids;
    }

    Received receive(String submissionId) throws Exception {
        JsonNode submission = api.get(url("/submissions/" + submissionId)).expect(200, "fetch").json();
        Map<String, byte[]> parts = new LinkedHashMap<>();
        ObjectNode tags = Sandbox.JSON.createObjectNode();
        tags.putObject("attachments");
        for (JsonNode id : submission.required("attachments")) {
            String compact = api.get(url("/submissions/" + submissionId + "/attachments/" + id.asText()))
                    .expect(200, "attachment")
                    .body();
            tags.withObject("/attachments").put(id.asText(), Crypto.tag(compact));
            parts.put(id.asText(), Crypto.open(destination.decryption(), compact));
        }
        String metadata = submission.required("encryptedMetadata").asText();
        String data = submission.required("encryptedData").asText();
        tags.put("metadata", Crypto.tag(metadata)).put("data", Crypto.tag(data));
        JsonNode opened = Sandbox.JSON.readTree(Crypto.open(destination.decryption(), metadata));
        Received received = new Received(
                submission, opened, Crypto.open(destination.decryption(), data), files(opened, parts), tags);
        JsonNode logged = EventLog.read(sandbox, api, version, received.caseId())
                .last("submit-submission", submissionId)
                .payload()
                .required("authenticationTags");
        Scenarios.equal(tags, logged, "authentication tags");
        Scenarios.equal(
                Crypto.sha512(received.data()), opened.at("/contentStructure/data/hash/content").asText(), "hash of the data");
        return received;
    }

    // The files that the metadata describes, joined from their pieces and checked.
    private static List<byte[]> files(JsonNode metadata, Map<String, byte[]> parts) throws Exception {
        List<byte[]> files = new ArrayList<>();
        for (JsonNode entry : metadata.at("/contentStructure/attachments")) {
            ByteArrayOutputStream joined = new ByteArrayOutputStream();
            if (entry.has("fragments")) {
                for (JsonNode id : entry.required("fragments")) {
                    joined.write(parts.get(id.asText()));
                }
            } else {
                joined.write(parts.get(entry.required("attachmentId").asText()));
            }
            Scenarios.equal(
                    Crypto.sha512(joined.toByteArray()), entry.at("/hash/content").asText(), "hash of an attachment");
            files.add(joined.toByteArray());
        }
        return files;
    }

    /** The claims of an event of this destination about this submission. */
    ObjectNode claims(Received received, String kind, JsonNode payload) {
        ObjectNode claims = Sandbox.JSON.createObjectNode();
        claims.put("$schema", "https://schema.fitko.de/fit-connect/set-payload/1.2.2/set-payload.schema.json");
        claims.put("jti", UUID.randomUUID().toString());
        claims.put("iss", destination.id());
        claims.put("iat", Instant.now().getEpochSecond());
        claims.put("sub", "submission:" + received.id());
        claims.put("txn", "case:" + received.caseId());
        claims.putObject("events").set(EventLog.EVENTS + kind, payload);
        return claims;
    }

    static String sign(JsonNode claims, RSAKey key) throws Exception {
        JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.PS512)
                .type(new JOSEObjectType("secevent+jwt"))
                .keyID(key.getKeyID())
                .build();
        JWSObject token = new JWSObject(header, new Payload(claims.toString()));
        token.sign(new RSASSASigner(key));
        return token.serialize();
    }

    Api.Answer post(Received received, String token) throws Exception {
        return api.send("POST", url("/cases/" + received.caseId() + "/events"), Api.JOSE, token);
    }

    void accept(Received received) throws Exception {
        ObjectNode payload = Sandbox.JSON.createObjectNode();
        payload.set("authenticationTags", received.tags());
        post(received, sign(claims(received, "accept-submission", payload), destination.signing()))
                .expect(204, "accept");
    }

    JsonNode reject(Received received, List<JsonNode> problems) throws Exception {
        ObjectNode payload = Sandbox.JSON.createObjectNode();
        payload.putArray("problems").addAll(problems);
        post(received, sign(claims(received, "reject-submission", payload), destination.signing()))
                .expect(204, "reject");
        return payload;
    }
}
