package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.RSAKey;
import java.nio.file.Files;
import java.nio.file.Path;

/** What {@code amtsbote sandbox} wrote about itself. */
final class Sandbox {
    static final ObjectMapper JSON = new ObjectMapper();

    private final JsonNode facts;

    Sandbox(Path file) throws Exception {
        facts = JSON.readTree(file.toFile());
    }

    String text(String name) {
        return facts.required(name).asText();
    }

    JsonNode client(String role) {
        return facts.required(role);
    }

    /** The CA of a sandbox that was started with {@code --tls}, else null. */
    Path caFile() {
        JsonNode file = facts.path("caFile");
        return file.isTextual() ? Path.of(file.asText()) : null;
    }

    /** The destination that the sandbox made, with its private keys. */
    Destination destination() throws Exception {
        return new Destination(text("destinationId"), key("decryption"), key("signing"));
    }

    private RSAKey key(String name) throws Exception {
        return JWK.parse(Files.readString(Path.of(facts.required("keys").required(name).asText()))).toRSAKey();
    }

    /** A destination whose private keys are at hand. */
    record Destination(String id, RSAKey decryption, RSAKey signing) {}
}
