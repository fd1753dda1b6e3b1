/* What a prompt says about a scene in general, for models that know the whole world: whether motion, place, light, look
 * and camera are there at all, and what is to be heard. */
#include "base/base.h"
#include "server/prompt/expand_parts.h"
#include "server/prompt/sounds.h"

static const struct lexicon_row rows[] = {
    {"camera|close-up|closeup|close up|wide shot|medium shot|long shot|tracking shot|static "
     "shot|dolly|zoom|zooms|zooming|pan "
     "left|pan right|pans|panning|handheld|aerial shot|aerial view|drone shot|bird's eye view|bird's-eye "
     "view|first-person|"
     "first person view|pov|fpv|low angle|high angle|over the shoulder|establishing shot|tilt up|tilt down|crane shot|"
     "tripod|shot on|framing|镜头|特写|全景|中景|近景|远景|航拍|俯拍|仰拍|跟拍|运镜|推近|拉远|第一人称|手持",
     SCENE_CAMERA, 0, 0},

    {"jump~|jumping|fly|flies|flying|swim~|swimming|dance~|dancing|fall~|falling|roll~|"
     "rolling|"
     "drive~|driving|ride~|riding|turn~|turning|spin~|spinning|rotate~|rotating|move~|moving|float~|floating|drift~|"
     "drifting|waving|smile~|smiling|cry|cries|crying|sing~|singing|speak~|speaking|talk~|"
     "talking|says|said|look~ up|looks|looking|open~|opening|opens|close~ his|close~ "
     "her|pour~|pouring|cook~|cooking|eat~|"
     "eating|drink~|drinking|read~|reading|write~|writing|play~|playing|chase~|chasing|grow~|"
     "growing|"
     "bloom~|blooming|burn~|burning|melt~|melting|glide~|gliding|slide~|sliding|swing~|swinging|rise~|rising|sway~|"
     "swaying|"
     "climb~|climbing|race~|racing|fight~|fighting|throw~|throwing|catch~|catching|kick~|kicking|hold~|holding|sit~|"
     "sitting|"
     "stand~|standing|sleep~|sleeping|lie|lies|lying|pass~|passing|enter~|entering|leave~ the|leaving|"
     "drop~|dropping|flow~|flowing|blow~|blowing|crash~|crashing|stretch~|stretching|blink~|blinking|hug~|hugging|kiss~"
     "|"
     "kissing|nod~|nodding|surf~|surfing|ski|skiing|skate~|skating|travel~|travelling|traveling|motion|timelapse|"
     "time-lapse|still|motionless|动|跑|走|跳|飞|游|舞|落|滚|开|骑|转|旋转|飘|笑|哭|唱|说|看|倒|煮|吃|喝|读|写|玩|追|"
     "爆炸|"
     "盛开|燃烧|融化|滑|摆|升|爬|打|扔|踢|拿|坐|站|睡|躺|经过|进|离开|弹|流|吹|静止",
     SCENE_MOTION, 0, 0},

    {"light|lighting|sunlight|sunlit|sunny|moonlight|moonlit|golden "
     "hour|backlit|backlight|neon|candlelight|candlelit|sunset|"
     "sunrise|dusk|dawn|twilight|overcast|shadow~|silhouette~|glow~|glowing|bright|dark|dim|lit|daylight|noon|foggy|"
     "rays|光|"
     "阳光|月光|灯光|日落|日出|黄昏|黎明|霓虹|逆光|阴影|烛光|明亮|昏暗|傍晚|清晨|夕阳|晚霞|夜色|晨光",
     SCENE_LIGHT, 0, 0},

    {"cinematic|realistic|photorealistic|photo-realistic|photograph|documentary|anime|cartoon|animation|animated|3d|"
     "render|"
     "pixar|ghibli|watercolor|watercolour|oil painting|sketch|black and white|monochrome|film "
     "grain|35mm|vintage|retro|8k|4k|"
     "hdr|style|stylized|claymation|stop motion|stop-motion|pixel art|minimalist|surreal|cyberpunk|noir|illustration|"
     "unreal engine|电影|写实|动漫|动画|卡通|水彩|油画|黑白|复古|风格|像素|赛博朋克|水墨|纪实|胶片|画质",
     SCENE_STYLE, 0, 0},

    /* places that are heard */
    {"sea|ocean|beach|beaches|shore|coast|seaside|wave~|surf|海|大海|海边|海滩|沙滩|海浪|海岸", SCENE_PLACED, SOUND_SEA,
     PLACE_OUTSIDE},
    {"river~|stream~|waterfall~|creek|fountain~|河|溪|瀑布|喷泉|小溪", SCENE_PLACED, SOUND_RIVER, PLACE_OUTSIDE},
    {"lake|pond|harbor|harbour|boat~|ship~|sailing|湖|池塘|港口|船", SCENE_PLACED, SOUND_BOAT, PLACE_OUTSIDE},
    {"snow|snowy|winter|ice|icy|arctic|glacier~|雪|冬|冰", SCENE_PLACED, SOUND_SNOW, PLACE_OUTSIDE},
    {"mountain~|cliff~|hill~|hilltop|plain~|valley~|canyon|rooftop~|field~|meadow~|grassland|sky|clouds|山|悬崖|峡谷|"
     "草原|"
     "田野|草地|天空|云",
     SCENE_PLACED, SOUND_WIND, PLACE_OUTSIDE},
    {"forest~|jungle|woods|garden~|park|trees|bamboo|森林|树林|丛林|花园|公园|竹林", SCENE_PLACED, SOUND_FOREST,
     PLACE_OUTSIDE},
    {"desert|dune~|sand|沙漠|沙丘", SCENE_PLACED, SOUND_DESERT, PLACE_OUTSIDE},
    {"city|cities|street~|downtown|town|plaza|square|tokyo|new "
     "york|paris|shanghai|beijing|城市|街|街道|街头|广场|东京|上海|"
     "北京|都市",
     SCENE_PLACED, SOUND_CITY, PLACE_OUTSIDE},
    {"road|highway|bridge|公路|道路|马路|桥", SCENE_PLACED, SOUND_ROAD, PLACE_OUTSIDE},
    {"stadium|concert|festival|market|parade|arena|体育场|演唱会|音乐节|集市|市场", SCENE_PLACED, SOUND_CROWD,
     PLACE_OUTSIDE},
    {"space|outer space|galaxy|planet|moon surface|spaceship|space station|太空|宇宙|银河|空间站|飞船", SCENE_PLACED,
     SOUND_SPACE, PLACE_OUTSIDE},
    {"cafe|café|coffee shop|restaurant|bar|pub|diner|咖啡馆|咖啡厅|餐厅|酒吧", SCENE_PLACED, SOUND_CAFE, PLACE_INSIDE},
    {"kitchen|cooking|chef|厨房|厨师|做饭", SCENE_PLACED, SOUND_KITCHEN, PLACE_INSIDE},
    {"office|desk|laptop|keyboard|computer|办公室|电脑|键盘|书桌", SCENE_PLACED, SOUND_OFFICE, PLACE_INSIDE},
    {"room|living "
     "room|bedroom|library|museum|studio|classroom|hospital|indoors|inside|interior|hall|hallway|corridor|church|"
     "stage|table|房间|客厅|卧室|图书馆|博物馆|教室|医院|室内|大厅|走廊|教堂|舞台|桌子",
     SCENE_PLACED, SOUND_ROOM, PLACE_INSIDE},
    {"night|midnight|moonlit|starry|crickets|夜|夜晚|星空|深夜", SCENE_PLACED, SOUND_INSECTS, PLACE_NIGHT},
    {"background|scenery|landscape|surroundings|environment|setting|village|island|farm|背景|风景|环境|村庄|岛|农场",
     SCENE_PLACE, PLACE_OUTSIDE, 0},

    /* things that are heard */
    {"rain|rainy|raining|drizzle|雨|下雨", SCENE_SOUND, SOUND_RAIN, 0},
    {"thunder|storm|stormy|lightning|雷|闪电|暴风雨|风暴", SCENE_SOUND, SOUND_THUNDER, 0},
    {"wind|windy|breeze|风", SCENE_SOUND, SOUND_WIND, 0},
    {"fire|campfire|bonfire|flame~|fireplace|火|篝火|火焰|壁炉", SCENE_SOUND, SOUND_FIRE, 0},
    {"walk~|walking|walked|run~|running|ran|marching|stroll~|strolling|jog~|jogging|走|跑|散步|奔跑|行走|走路|跑步",
     SCENE_SOUND, SOUND_STEPS, SOUND_MOVES},
    {"footsteps|steps|脚步|脚步声", SCENE_SOUND, SOUND_STEPS, 0},
    {"car~|truck~|motorcycle~|taxi~|bus|engine~|汽车|车|卡车|摩托车|出租车|公交车", SCENE_SOUND, SOUND_CAR, 0},
    {"train~|subway|railway|火车|地铁|列车", SCENE_SOUND, SOUND_TRAIN, 0},
    {"plane~|airplane~|aircraft|jet|helicopter~|drone~|rocket~|飞机|直升机|无人机|火箭", SCENE_SOUND, SOUND_PLANE, 0},
    {"dog~|puppy|puppies|bark~|barking|狗|小狗", SCENE_SOUND, SOUND_DOG, 0},
    {"cat~|kitten~|meow~|purring|猫|小猫", SCENE_SOUND, SOUND_CAT, 0},
    {"bird~|seagull~|eagle~|owl~|chirping|鸟|海鸥|鹰", SCENE_SOUND, SOUND_BIRD, 0},
    {"gallop~|galloping|奔腾", SCENE_SOUND, SOUND_HORSE, SOUND_MOVES},
    {"horse~|马|骏马", SCENE_SOUND, SOUND_HORSE, 0},
    {"bounce~|bouncing|dribble~|dribbling|弹跳", SCENE_SOUND, SOUND_BALL, SOUND_MOVES},
    {"ball~|basketball|football|tennis|球|篮球|足球|网球", SCENE_SOUND, SOUND_BALL, 0},
    {"guitar|piano player|pianist|violinist|violin|drummer|drums|band|orchestra "
     "plays|saxophone|吉他|小提琴|乐队|鼓|钢琴家",
     SCENE_SOUND, SOUND_INSTRUMENT, 0},
    {"clock|watchmaker|ticking|时钟|钟表", SCENE_SOUND, SOUND_CLOCK, 0},
    {"explosion~|explode~|exploding|firework~|battle|gunfire|爆炸|烟花|战斗", SCENE_SOUND, SOUND_EXPLOSION,
     SOUND_MOVES},
    {"laugh~|laughing|giggle~|giggling|大笑", SCENE_SOUND, SOUND_LAUGH, SOUND_MOVES},
    {"laughter|笑声", SCENE_SOUND, SOUND_LAUGH, 0},
    {"crowd~|audience|applause|cheering|人群|观众|掌声|欢呼", SCENE_SOUND, SOUND_CROWD, 0},
    {"silent|silence|no sound|without sound|mute|无声|静音|没有声音", SCENE_SILENCE, 0, 0},

    /* music that is asked for */
    {"no music|without music|no background music|没有音乐|无音乐|不要音乐", SCENE_MUSIC, MUSIC_NONE, 0},
    {"piano music|piano melody|soft piano|piano score|钢琴曲|钢琴音乐", SCENE_MUSIC, MUSIC_PIANO, 0},
    {"orchestral music|orchestral|orchestral score|symphony|管弦乐|交响乐", SCENE_MUSIC, MUSIC_ORCHESTRA, 0},
    {"electronic music|techno|synthwave|edm|house music|电子音乐", SCENE_MUSIC, MUSIC_ELECTRONIC, 0},
    {"acoustic music|acoustic guitar music|folk music|民谣", SCENE_MUSIC, MUSIC_ACOUSTIC, 0},
    {"jazz|爵士|爵士乐", SCENE_MUSIC, MUSIC_JAZZ, 0},
    {"rock music|heavy metal|摇滚", SCENE_MUSIC, MUSIC_ROCK, 0},
    {"sad music|melancholic music|悲伤的音乐", SCENE_MUSIC, MUSIC_SAD, 0},
    {"tense music|suspenseful music|suspense|紧张的音乐", SCENE_MUSIC, MUSIC_TENSE, 0},
    {"cheerful music|happy music|upbeat music|upbeat|欢快的音乐|欢快音乐", SCENE_MUSIC, MUSIC_CHEERFUL, 0},
    {"epic music|heroic music|epic score|史诗音乐|史诗配乐", SCENE_MUSIC, MUSIC_EPIC, 0},
    {"background music|music|soundtrack|配乐|背景音乐|音乐", SCENE_MUSIC, MUSIC_ANY, 0},
};

const struct lexicon scene_lexicon = {rows, ARRAY_LEN(rows)};

static const char *const words[] = {
    [SOUND_SEA] = "waves roll in and wash back over the shore",
    [SOUND_RIVER] = "water rushes and splashes",
    [SOUND_RAIN] = "rain patters steadily",
    [SOUND_THUNDER] = "thunder rumbles in the distance",
    [SOUND_WIND] = "a light wind passes through the open air",
    [SOUND_SNOW] = "snow crunches softly and cold air hushes every other noise",
    [SOUND_FOREST] = "leaves rustle and birds call from the trees",
    [SOUND_DESERT] = "dry wind drags grains of sand along",
    [SOUND_CITY] = "distant traffic hums and voices pass by",
    [SOUND_ROAD] = "tyres hiss over the asphalt",
    [SOUND_CAFE] = "cups clink under a murmur of quiet conversation",
    [SOUND_KITCHEN] = "pans clatter and something sizzles",
    [SOUND_OFFICE] = "keys click softly over the hum of a computer",
    [SOUND_ROOM] = "quiet room tone with small movements close by",
    [SOUND_CROWD] = "a crowd murmurs and cheers",
    [SOUND_FIRE] = "a fire crackles",
    [SOUND_STEPS] = "footsteps follow every stride",
    [SOUND_CAR] = "an engine runs and tyres roll over the ground",
    [SOUND_TRAIN] = "wheels clatter rhythmically over the rails",
    [SOUND_PLANE] = "engines drone overhead",
    [SOUND_BOAT] = "water laps gently",
    [SOUND_DOG] = "paws patter and a dog pants",
    [SOUND_CAT] = "a cat pads about almost without a sound",
    [SOUND_BIRD] = "wings flutter and birds chirp",
    [SOUND_HORSE] = "hooves beat on the ground",
    [SOUND_INSECTS] = "crickets chirp through the quiet of the night",
    [SOUND_BALL] = "soft thuds mark every bounce",
    [SOUND_INSTRUMENT] = "the instrument is heard clearly as it is played",
    [SOUND_CLOCK] = "a clock ticks evenly",
    [SOUND_SPACE] = "a deep, low hum fills the emptiness",
    [SOUND_EXPLOSION] = "loud bangs burst and their echo fades",
    [SOUND_LAUGH] = "somebody laughs warmly",
};
_Static_assert(ARRAY_LEN(words) == SCENE_SOUNDS, "words for every sound");

const char *sound_words(enum scene_sound sound)
{
    return words[sound];
}

const char *sound_words_of_place(int inside)
{
    return inside ? words[SOUND_ROOM] : "soft natural ambience with small sounds that follow the movement";
}
