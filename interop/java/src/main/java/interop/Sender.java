package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.RSAKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** An online service. */
final class Sender {
    private static final int UPLOADS = 4;

    private final Sandbox sandbox;
    private final String version;
    final Api api;

    Sender(Sandbox sandbox, String version) throws Exception {
        this.sandbox = sandbox;
        this.version = version;
        this.api = new Api(sandbox, "sender");
    }

    String url(String path) {
        return sandbox.text("submissionApiUrl") + "/" + version + path;
    }

    /** What is sent. */
    record Draft(String destinationId, String service, String schemaUri, String mimeType, byte[] data, String region) {}

    /** A file, and in how many pieces it travels. */
    record File(String name, byte[] content, int pieces) {}

    /** What was sent. */
    record Sent(String submissionId, String caseId, ObjectNode tags, JsonNode metadata) {}

    RSAKey encryptionKey(String destinationId) throws Exception {
        JsonNode destination =
                api.get(url("/destinations/" + destinationId)).expect(200, "destination").json();
        if (!destination.required("status").asText().equals("active")) {
            throw new AssertionError("the destination is " + destination.required("status"));
        }
        String kid = destination.required("encryptionKid").asText();
        String key = api.get(url("/destinations/" + destinationId + "/keys/" + kid)).expect(200, "key").body();
        return Crypto.checked(JWK.parse(key).toRSAKey(), KeyOperation.WRAP_KEY, "RSA-OAEP-256");
    }

    ObjectNode announcement(Draft draft, List<String> ids) {
        ObjectNode body = Sandbox.JSON.createObjectNode();
        body.put("destinationId", draft.destinationId());
        ids.forEach(body.putArray("announcedAttachments")::add);
        ObjectNode service = body.putObject(version.equals("v1") ? "serviceType" : "publicService");
        service.put("name", "Hundesteuer").put("identifier", draft.service());
        if (version.equals("v2") && draft.region() != null) {
            body.put("region", draft.region());
        }
        return body;
    }

    Sent send(Draft draft, List<File> files) throws Exception {
        RSAKey key = encryptionKey(draft.destinationId());
        ObjectNode metadata = metadata(draft);
        Map<String, byte[]> parts = new LinkedHashMap<>();
        for (File file : files) {
            describe(file, (ArrayNode) metadata.at("/contentStructure/attachments"), parts);
        }
        ObjectNode announcement = announcement(draft, new ArrayList<>(parts.keySet()));
        JsonNode announced = api.send("POST", url("/submissions"), Api.JSON, announcement.toString())
                .expect(201, "announce")
                .json();
        String id = announced.required("submissionId").asText();
        ObjectNode tags = Sandbox.JSON.createObjectNode();
        tags.putObject("attachments");
        upload(id, key, parts).forEach(tags.withObject("/attachments")::put);
        ObjectNode body = Sandbox.JSON.createObjectNode();
        body.put("encryptedMetadata", Crypto.seal(key, Sandbox.JSON.writeValueAsBytes(metadata), "application/json"));
        body.put("encryptedData", Crypto.seal(key, draft.data(), draft.mimeType()));
        api.send("PUT", url("/submissions/" + id), Api.JSON, body.toString())
                .expect(version.equals("v1") ? 202 : 200, "submit");
        tags.put("metadata", Crypto.tag(body.required("encryptedMetadata").asText()));
        tags.put("data", Crypto.tag(body.required("encryptedData").asText()));
        return new Sent(id, announced.required("caseId").asText(), tags, metadata);
    }

    // Several at a time, as the SDK does it; answers the tag of each.
    private Map<String, String> upload(String submissionId, RSAKey key, Map<String, byte[]> parts) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(UPLOADS);
        try {
            Map<String, Future<String>> running = new LinkedHashMap<>();
            for (Map.Entry<String, byte[]> part : parts.entrySet()) {
                running.put(part.getKey(), threads.submit(() -> {
                    String sealed = Crypto.seal(key, part.getValue(), "application/pdf");
                    String url = url("/submissions/" + submissionId + "/attachments/" + part.getKey());
                    api.send("PUT", url, Api.JOSE, sealed).expect(204, "upload");
                    return Crypto.tag(sealed);
                }));
            }
            Map<String, String> tags = new LinkedHashMap<>();
            for (Map.Entry<String, Future<String>> upload : running.entrySet()) {
                tags.put(upload.getKey(), upload.getValue().get());
            }
            return tags;
        } finally {
            threads.shutdownNow();
        }
    }

    private ObjectNode metadata(Draft draft) throws Exception {
        ObjectNode metadata = Sandbox.JSON.createObjectNode();
        String schema = version.equals("v1") ? "1.5.0" : "2.1.0";
        metadata.put("$schema", "https://schema.fitko.de/fit-connect/metadata/" + schema + "/metadata.schema.json");
        ObjectNode structure = metadata.putObject("contentStructure");
        structure.putArray("attachments");
        ObjectNode data = structure.putObject("data");
        data.putObject("hash").put("type", "sha512").put("content", Crypto.sha512(draft.data()));
        data.putObject("submissionSchema").put("schemaUri", draft.schemaUri()).put("mimeType", draft.mimeType());
        return metadata;
    }

    // A file in one piece travels under its own id, one in pieces under those of the pieces only.
    private static void describe(File file, ArrayNode described, Map<String, byte[]> parts) throws Exception {
        String id = UUID.randomUUID().toString();
        ObjectNode entry = described.addObject();
        entry.put("attachmentId", id).put("purpose", "attachment").put("mimeType", "application/pdf");
        entry.put("filename", file.name());
        entry.putObject("hash").put("type", "sha512").put("content", Crypto.sha512(file.content()));
        if (file.pieces() == 1) {
            parts.put(id, file.content());
            return;
        }
        ArrayNode fragments = entry.putArray("fragments");
        int size = (file.content().length + file.pieces() - 1) / file.pieces();
        for (int at = 0; at < file.content().length; at += size) {
            String fragment = UUID.randomUUID().toString();
            fragments.add(fragment);
            parts.put(fragment, Arrays.copyOfRange(file.content(), at, Math.min(at + size, file.content().length)));
        }
    }
}
