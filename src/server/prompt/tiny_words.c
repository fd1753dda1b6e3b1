#include "server/prompt/tiny_words.h"

#include "base/base.h"

#define NONE              TINY_NATURE_NONE
#define OF(color, motion) TINY_NATURE(color, motion)

static const struct lexicon_row rows[] = {
    {",|.|;|:|!|?|、|。|，|；|：|！|？|as|while|when|whilst|同时|然后|接着", TINY_BREAK, 0, 0},

    {"drone shot~|drone footage|drone view|aerial shot|aerial view|bird's-eye view|bird's eye view|left hand|right "
     "hand|right now|"
     "all right|swing set|航拍|鸟瞰",
     TINY_NOTHING, 0, 0},

    /* things */
    {"ball~|sphere~|orb~|globe~|rubber ball~|beach ball~|toy ball~|bouncy "
     "ball~|bead~|球|小球|圆球|皮球|球体|弹力球|弹珠",
     TINY_OBJECT, THING_BALL, 0},
    {"cube~|box|boxes|block~|crate~|dice|die|brick~|toy block~|square block~|cardboard box|cardboard boxes|方块|立方体|"
     "正方体|盒子|箱子|木箱|积木|骰子|砖块|方盒",
     TINY_OBJECT, THING_CUBE, 0},
    {"balloon~|party balloon~|toy balloon~|helium balloon~|气球|氢气球", TINY_OBJECT, THING_BALLOON, 0},

    /* near things: balls that have a colour of their own */
    {"apple~|cherry|cherries|tomato|tomatoes|strawberry|strawberries|ladybug~|苹果|樱桃|西红柿|番茄|草莓",
     TINY_STAND_IN, THING_BALL, OF(COLOR_RED, NONE)},
    {"basketball~|pumpkin~|oranges|tangerines|mandarin~|clementine~|fox|foxes|tiger~|goldfish|篮球|橘子|橙子|"
     "南瓜|狐狸|老虎|金鱼",
     TINY_STAND_IN, THING_BALL, OF(COLOR_ORANGE, NONE)},
    {"sun|lemon~|tennis ball~|chick~|bee~|duckling~|duck~|lion~|banana~|marigold~|sunflower~|coin~|golden "
     "retriever~|太阳|"
     "柠檬|网球|小鸡|蜜蜂|小鸭|鸭子|狮子|香蕉|向日葵|硬币|金毛",
     TINY_STAND_IN, THING_BALL, OF(COLOR_YELLOW, NONE)},
    {"watermelon~|melon~|frog~|pea|peas|turtle~|tortoise~|kiwi~|caterpillar~|cabbage~|西瓜|青蛙|乌龟|猕猴桃",
     TINY_STAND_IN, THING_BALL, OF(COLOR_GREEN, NONE)},
    {"earth|planet~|whale~|dolphin~|blueberry|blueberries|bowling ball~|marble~|fish|fishes|地球|行星|鲸鱼|海豚|蓝莓|"
     "保龄球|鱼",
     TINY_STAND_IN, THING_BALL, OF(COLOR_BLUE, NONE)},
    {"grape~|octopus|octopuses|plums|葡萄|章鱼|李子", TINY_STAND_IN, THING_BALL, OF(COLOR_PURPLE, NONE)},
    {"pig~|piglet~|flamingo~|peach|peaches|flower~|roses|a rose|bubble "
     "gum|donut~|doughnut~|小猪|猪|火烈鸟|桃子|花|玫瑰",
     TINY_STAND_IN, THING_BALL, OF(COLOR_PINK, NONE)},
    {"moon|snowball~|egg~|golf ball~|volleyball~|baseball~|pearl~|sheep|lamb~|swan~|polar bear~|soccer ball~|football~|"
     "soccer|ping-pong ball~|ping pong ball~|snowman|月亮|雪球|鸡蛋|高尔夫球|排球|棒球|珍珠|绵羊|羊|天鹅|北极熊|足球|"
     "乒乓球|雪人|兔子|白兔|rabbit~|bunny|bunnies",
     TINY_STAND_IN, THING_BALL, OF(COLOR_WHITE, NONE)},
    /* ... that move in their own way */
    {"cat~|kitten~|dog~|puppy|puppies|squirrel~|kangaroo~|monkey~|animal~|小猫|猫|小狗|狗|松鼠|袋鼠|猴子|动物|猫咪",
     TINY_STAND_IN, THING_BALL, OF(NONE, MOTION_BOUNCE)},
    {"horse~|wolf|wolves|bear~|elephant~|mouse|mice|cow~|deer|panda~|wheel~|tire~|tyre~|coconut~|马|狼|熊|大象|老鼠|牛|"
     "鹿|"
     "熊猫|轮子|轮胎|椰子",
     TINY_STAND_IN, THING_BALL, OF(NONE, MOTION_ROLL)},
    {"man|men|woman|women|person|people|boy~|girl~|child|children|kid~|baby|babies|dancer~|runner~|character~|robot~|"
     "player~|"
     "astronaut~|男人|女人|男孩|女孩|孩子|小孩|人|舞者|机器人|宇航员|少女|少年|婴儿",
     TINY_PERSON, THING_BALL, OF(NONE, MOTION_ROLL)},
    {"pendulum~|swing|lantern~|chandelier~|bell~|钟摆|秋千|灯笼|吊灯|铃铛", TINY_STAND_IN, THING_BALL,
     OF(NONE, MOTION_SWING)},
    {"raindrop~|meteor~|meteorite~|leaf|leaves|stone~|pebble~|acorn~|雨滴|流星|陨石|树叶|叶子|石子", TINY_STAND_IN,
     THING_BALL, OF(NONE, MOTION_DROP)},
    /* cubes */
    {"car~|truck~|bus|buses|van~|taxi~|train~|tram~|vehicle~|boat~|ship~|sled~|sledge~|tank~|skateboard~|bicycle~|"
     "motorcycle~|汽车|车|轿车|卡车|公交车|出租车|火车|列车|船|雪橇|自行车|摩托车|滑板",
     TINY_STAND_IN, THING_CUBE, OF(NONE, MOTION_ROLL)},
    {"house~|building~|tower~|castle~|chair~|sofa~|bed~|suitcase~|luggage|computer~|phone~|laptop~|television|tv|book~|"
     "gift~|present~|bottle~|cup~|mug~|product~|shoe~|watch|房子|房屋|大楼|建筑|塔|城堡|椅子|沙发|床|行李箱|电脑|手机|"
     "电视|书|礼物|瓶子|杯子|产品|鞋|手表",
     TINY_STAND_IN, THING_CUBE, OF(NONE, MOTION_REST)},
    {"ice cube~|sugar cube~|冰块|方糖", TINY_STAND_IN, THING_CUBE, OF(COLOR_WHITE, NONE)},
    {"cheese|gold bar~|奶酪|金条", TINY_STAND_IN, THING_CUBE, OF(COLOR_YELLOW, NONE)},
    /* what goes up */
    {"bird~|airplane~|aeroplane~|plane~|aircraft|drone~|kite~|butterfly|butterflies|rocket~|bubble~|spaceship~|dragon~|"
     "ufo|"
     "feather~|angel~|bat~|eagle~|owl~|helicopter~|airship~|hot air balloon~|hot-air "
     "balloon~|jellyfish|鸟|小鸟|飞机|无人机|"
     "风筝|蝴蝶|火箭|泡泡|气泡|飞船|龙|羽毛|天使|老鹰|鹰|直升机|热气球|水母|孔明灯",
     TINY_STAND_IN, THING_BALLOON, OF(NONE, MOTION_RISE)},

    /* colours */
    {"red|crimson|scarlet|ruby|bright red|dark red|cherry red|红色|红|大红|深红|鲜红|赤红", TINY_COLOR, COLOR_RED, 0},
    {"orange|tangerine|bright orange|amber|橙色|橘色|橙|橘红|琥珀色", TINY_COLOR, COLOR_ORANGE, 0},
    {"yellow|golden|lemon yellow|bright yellow|gold|sunny yellow|黄色|黄|金色|金黄|金黄色|柠檬黄|明黄", TINY_COLOR,
     COLOR_YELLOW, 0},
    {"green|emerald|bright green|lime green|lime|dark green|light green|olive|mint|绿色|绿|翠绿|深绿|浅绿|墨绿|草绿",
     TINY_COLOR, COLOR_GREEN, 0},
    {"blue|azure|deep blue|dark blue|bright blue|sapphire|navy blue|navy|light blue|sky "
     "blue|蓝色|蓝|天蓝|天蓝色|深蓝|浅蓝|"
     "湛蓝|宝蓝",
     TINY_COLOR, COLOR_BLUE, 0},
    {"purple|violet|deep purple|lilac|plum|lavender|indigo|紫色|紫|淡紫|深紫|紫罗兰", TINY_COLOR, COLOR_PURPLE, 0},
    {"pink|hot pink|rose|bright pink|light pink|magenta|fuchsia|粉色|粉红|粉红色|玫红|玫红色|粉", TINY_COLOR,
     COLOR_PINK, 0},
    {"white|bright white|snow-white|snow white|ivory|白色|雪白|乳白|洁白", TINY_COLOR, COLOR_WHITE, 0},
    {"白", TINY_COLOR, COLOR_WHITE, COLOR_BESIDE_NOUN},
    {"black|charcoal|黑色|黑", TINY_COLOR, COLOR_PURPLE, COLOR_NEAREST},
    {"brown|copper|bronze|rust|棕色|褐色|咖啡色|铜色", TINY_COLOR, COLOR_ORANGE, COLOR_NEAREST},
    {"grey|gray|silver|silvery|beige|cream|pale|transparent|灰色|银色|米色|透明", TINY_COLOR, COLOR_WHITE,
     COLOR_NEAREST},
    {"cyan|turquoise|teal|aqua|青色|蓝绿色|青绿", TINY_COLOR, COLOR_BLUE, COLOR_NEAREST},

    /* sizes */
    {"small|tiny|little|mini|very small|miniature|小小的|微小|迷你|小型", TINY_SIZE, SIZE_SMALL, 0},
    {"medium|medium-sized|mid-sized|中等大小|中等", TINY_SIZE, SIZE_MEDIUM, 0},
    {"large|big|huge|giant|very big|enormous|gigantic|massive|巨大|大型|巨型|大大的|很大", TINY_SIZE, SIZE_LARGE, 0},

    /* motions */
    {"fall~|falling|fell|drop~|dropping|dropped|tumble~|tumbling|plummet~|plummeting|plunge~|plunging|bounces up and "
     "down|"
     "bouncing up and down|bounce up and down|lets go of|let go of|lets fall|comes down|coming down|rain down|raining "
     "down|"
     "落下|掉落|掉下|坠落|下落|跌落|落在|落到|下坠|掉在|掉到|上下弹跳",
     TINY_MOTION, MOTION_DROP, 0},
    {"roll~|rolling|rolled|slide~|sliding|slid|skid~|skidding|glide~|gliding|pushes "
     "a|pushed|drag~|dragged|dragging|滚动|滚|"
     "翻滚|滑动|滑行|滑过|滑|推动|推着",
     TINY_MOTION, MOTION_ROLL, 0},
    {"move~|moving|moved|travel~|travelling|traveling|run~|running|ran|walk~|walking|walked|drive~|driving|drove|race~|"
     "racing|"
     "goes|go|going|ride~|riding|crosses|crossing|swim~|swimming|chase~|chasing|passes|sail~|sailing|stroll~|strolling|"
     "移动|"
     "奔跑|跑|行走|走|行驶|驶过|开过|穿过|前进|追逐|追|游|散步",
     TINY_MOTION, MOTION_ROLL, 1},
    {"throw~|throwing|thrown|threw|toss|tosses|tossing|tossed|launch|launches|launching|launched|jump~|jumping|jumped|"
     "leap~|"
     "leaping|hop~|hopping|kick~|kicking|kicked|flies through the air|flying through the air|fly through the air|"
     "soars through the air|flies in an arc|shoot~|shooting|扔|抛|投掷|抛出|扔出|跳|跳跃|跳起|蹦|踢|发射|投出|空中飞过",
     TINY_MOTION, MOTION_THROW, 0},
    {"flies|fly|flying|flew|soar~|soaring|飞|飞行|飞过|飞翔", TINY_MOTION, MOTION_THROW, 1},
    {"bounce~|bouncing|bounced|bouncy|dance~|dancing|dribble~|dribbling|play~|playing|弹跳|反弹|弹起|蹦跳|跳舞|"
     "弹来弹去|弹",
     TINY_MOTION, MOTION_BOUNCE, 0},
    {"swing~|swinging|swung|sway~|swaying|dangle~|dangling|hang~|hanging|on a rope|on a string|from a rope|oscillate~|"
     "oscillating|back and forth|from side to side|摆动|摇摆|摇晃|晃荡|荡|悬挂|吊着|挂着|来回摆动|绳子上|绳上",
     TINY_MOTION, MOTION_SWING, 0},
    {"rise~|rising|rocket launch|liftoff|lift-off|blasts off|blast off|rose "
     "up|float~|floating|drift~|drifting|ascend~|ascending|lift~ off|lifts off|lifting off|take~ off|"
     "takes off|taking off|goes up|going up|flies up|flying up|fly up|flies into the sky|flies away|flying "
     "away|levitate~|"
     "levitating|hover~|hovering|上升|升起|飘起|飘|漂浮|飘浮|升空|起飞|飞走|升上|飘向|飞上|浮起|悬浮|飞向天空",
     TINY_MOTION, MOTION_RISE, 0},
    {"rest~|resting|lie|lies|lying|sit~|sitting|sat|stand~|standing|stood|still|motionless|does not move|do not move|"
     "not moving|doesn't move|stay~ still|sleep~|sleeping|waiting|waits|stationary|at rest|side by "
     "side|静止|静静|躺|坐|"
     "站|停着|不动|摆放|放着|放在|睡|睡觉",
     TINY_MOTION, MOTION_REST, 0},
    {"collide~|colliding|collision|crash|crashes|crashing|bump~ into|bumping into|bump into|smash|smashes|smash "
     "together|"
     "smashing|hit each other|hits each other|hitting each other|run into one another|run into each other|"
     "crash into each other|meet and bounce apart|碰撞|相撞|撞击|撞|撞在一起",
     TINY_MOTION, MOTION_COLLIDE, 0},
    {"towards each other|toward each other|into each other|相向", TINY_FACING, 0, 0},

    /* directions; "from left to right" before "left" because it is longer */
    {"left|leftward|leftwards|to the left|from right to left|from the right to the left|from the right|向左|往左|朝左|"
     "从右到左|从右往左|从右向左|左边|左侧|自右向左",
     TINY_DIRECTION, DIRECTION_LEFT, 0},
    {"right|rightward|rightwards|to the right|from left to right|from the left to the right|from the "
     "left|向右|往右|朝右|"
     "从左到右|从左往右|从左向右|右边|右侧|自左向右",
     TINY_DIRECTION, DIRECTION_RIGHT, 0},

    /* skies */
    {"daylight|sunny|sunny day|in the daytime|daytime|during the day|noon|midday|bright sunshine|sunshine|blue sky|"
     "clear blue sky|clear sky|under the sun|in the sun|bright day|clear day|by "
     "day|morning|afternoon|sunlight|sunlit|白天|晴天|"
     "阳光|蓝天|中午|正午|早上|早晨|上午|下午|晴朗|蓝天白云|阳光下",
     TINY_SKY, SKY_DAY, 0},
    {"spring|summer|cloudy|overcast|foggy|fog|mist|misty|rain|rainy|raining|春天|夏天|夏日|阴天|多云|雾|下雨|雨",
     TINY_SKY, SKY_DAY, 1},
    {"sunset~|dusk|evening|orange sky|sundown|golden hour|twilight|sun sets|setting sun|evening light|sunset "
     "sky|日落|黄昏|"
     "傍晚|夕阳|晚霞|落日",
     TINY_SKY, SKY_SUNSET, 0},
    {"sunrise|dawn|daybreak|autumn|日出|黎明|清晨|拂晓|朝霞|秋天", TINY_SKY, SKY_SUNSET, 1},
    {"night|nights|nighttime|under the moon|moonlight|moonlit|under the stars|in the dark|dark night|starry sky|starry "
     "night|"
     "midnight|by moonlight|night sky|starlight|stars|at "
     "night|夜晚|晚上|夜里|夜空|星空|月光|月下|深夜|午夜|黑夜|夜|繁星|星光",
     TINY_SKY, SKY_NIGHT, 0},
    {"outer space|space|galaxy|cosmos|universe|neon|darkness|太空|宇宙|银河|霓虹|黑暗", TINY_SKY, SKY_NIGHT, 1},

    /* floors */
    {"grass|green grass|lawn~|grassy|grassy field|meadow~|park|field~|green "
     "meadow|草地|草坪|草原|公园|草丛|绿草地|田野|草",
     TINY_FLOOR, FLOOR_GRASS, 0},
    {"forest~|woods|jungle~|garden~|farm~|hill~|hillside|valley~|mountain~|countryside|tree|trees|backyard|stadium|"
     "森林|树林|"
     "丛林|花园|农场|山坡|山谷|山|乡间|院子|球场|树",
     TINY_FLOOR, FLOOR_GRASS, 1},
    {"sand|golden sand|sandy|sandy beach|beach|beaches|desert|desert sand|dune~|by the "
     "sea|沙滩|沙子|沙地|沙漠|海滩|沙丘|海边|"
     "金色沙滩",
     TINY_FLOOR, FLOOR_SAND, 0},
    {"sea|ocean|shore|coast|island~|seaside|underwater|water|lake|river|waves|大海|海洋|海|岸边|海岛|水下|水|湖|河|"
     "海浪",
     TINY_FLOOR, FLOOR_SAND, 1},
    {"snow|white snow|fresh snow|snowy|snowy "
     "field|snow-covered|winter|ice|icy|雪地|雪|白雪|冬天|冰面|冰上|雪原|雪中|冰雪|冬日",
     TINY_FLOOR, FLOOR_SNOW, 0},
    {"ski|skiing|arctic|antarctica|glacier~|frozen lake|christmas|滑雪|北极|南极|冰川|圣诞", TINY_FLOOR, FLOOR_SNOW, 1},
    {"stone floor|stone tiles|grey stone|gray stone|stone plaza|plaza|pavement|sidewalk|concrete|grey "
     "concrete|rock|rocks|"
     "street~|tiles|stone|石板|石头地面|广场|人行道|水泥地|街道|街上|石地|石板路|马路|街头",
     TINY_FLOOR, FLOOR_STONE, 0},
    {"city|cities|road~|town|village|courtyard|rooftop|highway|track|city street~|downtown|parking "
     "lot|school|tokyo|new york|"
     "城市|公路|道路|城镇|村庄|屋顶|跑道|停车场|学校|东京|都市",
     TINY_FLOOR, FLOOR_STONE, 1},
    {"wood|wooden floor|wooden planks|wooden deck|wooden|wood floor|floorboards|wooden "
     "table|deck|planks|木地板|木板|木桌|木头|"
     "甲板|木质",
     TINY_FLOOR, FLOOR_WOOD, 0},
    {"table~|desk~|kitchen|room|living room|bedroom|office|indoors|inside|shelf|stage|gym|studio|cafe|restaurant|house "
     "floor|"
     "floor|桌子|桌上|桌面|厨房|房间|客厅|卧室|办公室|室内|书桌|舞台|地板|咖啡馆|餐厅",
     TINY_FLOOR, FLOOR_WOOD, 1},

    /* numbers */
    {"two|2|a pair of|pair of|both|两个|两只|两|二个|一对|俩", TINY_NUMBER, 2, 0},
    {"three|four|five|six|seven|eight|nine|ten|many|several|dozens of|hundreds of|3|4|5|6|7|8|9|10|some|三个|四个|五个|"
     "许多|很多|几个|一群|无数|三只",
     TINY_NUMBER, 3, 0},

    /* camera */
    {"static camera|still camera|fixed camera|static shot|still shot|locked camera|locked-off shot|tripod|固定镜头|"
     "镜头固定|镜头不动|静止镜头|镜头保持固定",
     TINY_CAMERA, VIEW_STILL, 0},
    {"pan left|pans left|panning left|pan to the left|pans to the left|slow pan left|truck left|trucks left|"
     "dolly left|镜头左移|镜头向左|镜头左摇|镜头向左摇|镜头向左平移",
     TINY_CAMERA, VIEW_PAN_LEFT, 0},
    {"pan right|pans right|panning right|pan to the right|pans to the right|slow pan right|truck right|trucks right|"
     "dolly right|镜头右移|镜头向右|镜头右摇|镜头向右摇|镜头向右平移",
     TINY_CAMERA, VIEW_PAN_RIGHT, 0},
    {"zoom in|zooms in|zooming in|zoom-in|push in|pushes in|push-in|dolly in|dolly-in|dollies "
     "in|close-up|closeup|close up|"
     "镜头推近|镜头拉近|镜头推进|推近|特写|拉近镜头",
     TINY_CAMERA, VIEW_ZOOM_IN, 0},
    {"zoom out|zooms out|zooming out|zoom-out|pull out|pulls out|pull back|pulls back|dolly out|wide "
     "shot|镜头拉远|镜头后拉|"
     "拉远|拉远镜头|全景",
     TINY_CAMERA, VIEW_ZOOM_OUT, 0},
    {"camera|the shot|镜头|摄像机|相机|摄影机", TINY_CAMERA_NOUN, 0, 0},
    {"closer|forward|forwards|in on|靠近|拉近|推进|推近", TINY_CAMERA_WAY, VIEW_ZOOM_IN, 0},
    {"backward|backwards|away|farther|further|back|拉远|后退|远离", TINY_CAMERA_WAY, VIEW_ZOOM_OUT, 0},
    {"static|fixed|steady|holds|固定|稳定", TINY_CAMERA_WAY, VIEW_STILL, 0},
};

const struct lexicon tiny_lexicon = {rows, ARRAY_LEN(rows)};
