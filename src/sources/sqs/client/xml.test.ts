import { describe, expect, it } from "vitest";
import { MalformedReply } from "./reply-shape.ts";
import { child, childText, children, decodeEntities, parseXml } from "./xml.ts";

function bodyOf(xml: string): string | undefined {
  return childText(child(parseXml(xml), "Message"), "Body");
}

describe("parseXml", () => {
  it.each([
    ["predefined entities", "<Body>{&quot;a&quot;:&apos;&lt;b&gt; &amp;amp;&apos;}</Body>", `{"a":'<b> &amp;'}`],
    ["character references", "<Body>&#13;&#xD;&#x1F600;&#34;</Body>", '\r\r😀"'],
    ["a CDATA section, undecoded", "<Body><![CDATA[<a> &amp; ]]>&lt;</Body>", "<a> &amp; <"],
    ["white space at both ends", "<Body>  a\n b\t </Body>", "  a\n b\t "],
    ["nothing but white space", "<Body>  \n </Body>", "  \n "],
    ["an unescaped carriage return", "<Body>a\r\nb\rc</Body>", "a\r\nb\rc"],
    ["no content", "<Body></Body>", ""],
    ["an empty element", "<Body/>", ""],
    ["what looks like a number", "<Body>007.10</Body>", "007.10"],
    ["what looks like a boolean", "<Body>true</Body>", "true"],
    ["the end of a CDATA section", "<Body>a ]]&gt; b</Body>", "a ]]> b"],
    ["an unknown entity, as it stands", "<Body>&nbsp;&bogus;</Body>", "&nbsp;&bogus;"],
    ["a reference beyond Unicode, as it stands", "<Body>&#x110000;</Body>", "&#x110000;"],
  ])("keeps %s", (_what, body, expected) => {
    expect(bodyOf(`<?xml version="1.0"?><Message xmlns="http://x/">${body}</Message>`)).toBe(expected);
  });

  it("decodes more entities than any limit against expansion allows", () => {
    const body = '"'.repeat(200_000);
    expect(bodyOf(`<Message><Body>${"&quot;".repeat(200_000)}</Body></Message>`)).toBe(body);
  });

  it("does not expand entities that the document declares", () => {
    const xml = '<!DOCTYPE m [<!ENTITY x "secret">]><Message><Body>&x;</Body></Message>';
    expect(bodyOf(xml)).not.toBe("secret");
  });

  it("gives one and many elements alike", () => {
    expect(children(parseXml("<a><b>1</b></a>"), "a")).toHaveLength(1);
    expect(children(child(parseXml("<a><b>1</b><b>2</b></a>"), "a"), "b")).toEqual(["1", "2"]);
    expect(children("text", "b")).toEqual([]);
    expect(childText(parseXml("<a><b>1</b></a>"), "a")).toBeUndefined();
  });

  it("quotes nothing of what it cannot parse", () => {
    const parse = (): unknown => parseXml("<a>canary<b");
    expect(parse).toThrow(MalformedReply);
    expect(parse).not.toThrow(/canary/);
  });
});

describe("decodeEntities", () => {
  it("decodes once only", () => {
    expect(decodeEntities("&amp;lt;&amp;#65;")).toBe("&lt;&#65;");
  });
});
